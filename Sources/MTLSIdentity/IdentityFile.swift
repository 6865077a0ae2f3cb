import Glibc
import GnuTLS
import MTLSCore
import SecretMemory

/// Files of certificates and keys.
enum IdentityFile {
    /// Keys and certificates are small: what is larger is refused.
    private static let limit = 4 << 20

    /// The bytes of a file without a key.
    static func read(_ path: String) throws(MTLSError) -> SecretBytes {
        try translatingFailure(path) { () throws(SmallFile.Failure) in
            try SmallFile.read(path, limit: limit) { (status) throws(SmallFile.Failure) in try refuseDevice(status) }
        }
    }

    /// The bytes of a file with a key, if the policy permits, and what is to be warned of.
    static func read(key path: String, _ policy: KeyFilePolicy) throws(MTLSError) -> (SecretBytes, warnings: [String]) {
        var warnings: [String] = []
        let bytes = try translatingFailure(path) { () throws(SmallFile.Failure) in
            try SmallFile.read(path, limit: limit, followsLinks: policy.followsLinks) {
                (status) throws(SmallFile.Failure) in
                try refuseDevice(status)
                guard policy.exposure != .ignore, status.st_mode & S_IFMT == S_IFREG,
                    let fault = policy.fault(owner: status.st_uid, mode: status.st_mode, user: geteuid())
                else { return }
                guard policy.exposure == .refuse else {
                    warnings.append("the key file \"\(path)\" \(fault)")
                    return
                }
                throw SmallFile.Failure(
                    description: "it \(fault)", code: .keyFileUnsafe,
                    advice: "make it belong to the user who runs this, with mode 600")
            }
        }
        return (bytes, warnings)
    }

    /// The certificates of a file, in PEM or DER.
    static func chain(_ path: String) throws(MTLSError) -> [Certificate] {
        try chain(read(path), name: "\"\(path)\"")
    }

    /// The certificates, in PEM or DER, from a place that `name` names in errors.
    static func chain(_ bytes: SecretBytes, name: String) throws(MTLSError) -> [Certificate] {
        do {
            return try bytes.withUnsafeBytes { bytes in
                guard DERKind(bytes) == .certificate else { return try Certificate.chain(pem: bytes) }
                return [try Certificate(der: [UInt8](bytes))]
            }
        } catch {
            let isPKCS12 = bytes.withUnsafeBytes { DERKind($0) } == .pkcs12
            throw MTLSError(
                .identityMalformed, phase: .identity, fault: .caller,
                "\(name) holds no usable certificate: \(isPKCS12 ? "it is PKCS#12" : "\(error)")",
                advice: isPKCS12 ? "name it as a PKCS#12 identity, without a file for the key" : nil, underlying: error)
        }
    }

    private static func refuseDevice(_ status: stat) throws(SmallFile.Failure) {
        if [S_IFCHR, S_IFBLK].contains(status.st_mode & S_IFMT) {
            throw SmallFile.Failure(description: "it is a device")
        }
    }

    private static func translatingFailure(
        _ path: String, _ read: () throws(SmallFile.Failure) -> SecretBytes
    ) throws(MTLSError) -> SecretBytes {
        do { return try read() } catch {
            throw MTLSError(
                error.code, phase: .identity, fault: .caller, "the file \"\(path)\" cannot be read: \(error)",
                advice: error.advice)
        }
    }
}

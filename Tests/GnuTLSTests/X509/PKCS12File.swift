import Glibc
import GnuTLS
import SecretMemory

/// Makes PKCS#12 files by OpenSSL.
struct PKCS12File {
    private let key: [UInt8]
    private let certificates: [Certificate]

    init(key: PrivateKey, certificates: [Certificate]) throws {
        self.key = try key.pemEncoded().withUnsafeBytes { Array($0) }
        self.certificates = certificates
    }

    /// The authority's own key and certificate.
    init(_ authority: TestAuthority) throws {
        try self.init(key: authority.key, certificates: [authority.certificate])
    }

    /// - Parameters:
    ///   - passphrase: As OpenSSL's `-passout` takes it.
    ///   - options: Others of `openssl pkcs12 -export`.
    func bytes(_ options: String = "", passphrase: String = "right") throws -> [UInt8] {
        var template = Array("/tmp/mtls-pkcs12-XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { unlink(path) }
        let pem = key + certificates.flatMap(\.pemEncoded)
        guard write(descriptor, pem, pem.count) == pem.count, close(descriptor) == 0 else { return [] }
        return OpenSSL.output("openssl pkcs12 -export -in \(path) -passout pass:\(passphrase) \(options)")
    }
}

func secret(_ text: String) -> SecretBytes {
    var bytes = Array(text.utf8)
    return SecretBytes(wiping: &bytes)
}

package import GnuTLS
package import MTLSCore
package import SecretMemory
#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// A directory with authorities and what they issued: for development and tests, not for the world.
///
/// `NAME.pem` is a certificate with the issuers that have to be sent along, `NAME-key.pem` its key, mode 0600. An
/// authority has `NAME.index` besides, see ``IssuedIndex``, and `NAME-crl.pem` once something was revoked. Authorities
/// that were made elsewhere are put in under such names. Every function blocks the calling thread.
package struct AuthorityDirectory: Sendable {
    package let path: String

    package init(_ path: String) {
        self.path = path
    }

    package func certificatePath(_ name: String) -> String { "\(path)/\(name).pem" }
    package func keyPath(_ name: String) -> String { "\(path)/\(name)-key.pem" }
    package func listPath(_ name: String) -> String { "\(path)/\(name)-crl.pem" }
    package func containerPath(_ name: String) -> String { "\(path)/\(name).p12" }
    func indexPath(_ name: String) -> String { "\(path)/\(name).index" }

    /// Makes the directory, mode 0700, unless it is there.
    ///
    /// - Returns: Whether others than its owner may write to it, and so put their own authority in.
    @discardableResult
    package func create() throws(MTLSError) -> Bool {
        if mkdir(path, 0o700) == 0 { return false }
        var status = stat()
        guard errno == EEXIST, stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw SafeFile.unwritable(path)
        }
        return status.st_mode & 0o022 != 0
    }

    /// What stays a name in every file system, and is not taken for a key or a list.
    package static func checkName(_ name: String) throws(MTLSError) {
        let isClean = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"),
                UInt8(ascii: "@"):
                true
            default: false
            }
        }
        guard isClean, !name.isEmpty, !name.hasPrefix("."), !name.hasPrefix("-"), !name.hasSuffix("-key"),
            !name.hasSuffix("-crl")
        else {
            throw LeafRequest.invalid(
                "\"\(name)\" cannot be the name of files here: letters, digits, '.', '-', '_' and '@' can, and -key and -crl are no ends",
                advice: "give a name with --file"
            )
        }
    }

    /// Sees to it that the files of `name` may be written.
    ///
    /// - Parameters:
    ///   - isAuthority: Whether an authority is to be made. Nothing else ever takes the place of one.
    ///   - hasKey: Whether there will be a key, too.
    ///   - replaces: Whether files that are there may go.
    package func requireFree(
        _ name: String, isAuthority: Bool = false, hasKey: Bool = true, replaces: Bool
    ) throws(MTLSError) {
        try Self.checkName(name)
        if !isAuthority, SafeFile.exists(indexPath(name)) || certificates(name).first?.isCA == true {
            throw MTLSError(
                .fileExists, phase: .prepare, fault: .caller, "\"\(certificatePath(name))\" is that of an authority",
                advice: "choose another name")
        }
        let paths = [certificatePath(name)] + (hasKey ? [keyPath(name), containerPath(name)] : [])
        for path in paths where !replaces && SafeFile.exists(path) {
            throw SafeFile.exists(path) as MTLSError
        }
    }

    /// What `NAME.pem` holds, if that can be read.
    package func certificates(_ name: String) -> [Certificate] {
        guard let pem = try? SafeFile.read(certificatePath(name)) else { return [] }
        return (try? Certificate.chain(pem: pem)) ?? []
    }

    /// The authorities whose keys are here.
    package func authorities() -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let file = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard file.hasSuffix("-key.pem") else { continue }
            let name = String(file.dropLast("-key.pem".count))
            if certificates(name).first?.isCA == true { names.append(name) }
        }
        return names.sorted()
    }

    /// The root, and its file, that `chain` leads to, if it is here.
    package func root(above chain: [Certificate]) -> (name: String, certificate: Certificate)? {
        guard let top = chain.last else { return nil }
        for name in authorities() {
            guard let own = certificates(name).first, own.isSelfIssued else { continue }
            if own == top || top.isIssued(by: own) { return (name, own) }
        }
        return nil
    }

    // MARK: Making authorities

    /// Makes a root authority.
    ///
    /// - Throws: ``MTLSError``; ``GnuTLSError``.
    package func makeRoot(
        _ name: String, commonName: String, key kind: KeyKind, period: LeafRequest.Period, pathLength: Int?,
        passphrase: SecretBytes?, replaces: Bool
    ) throws -> Certificate {
        try requireFree(name, isAuthority: true, replaces: replaces)
        try LeafRequest.checkCommonName(commonName)
        let key = try PrivateKey.generate(kind)
        let builder = Self.builder(commonName, key.publicKey, period, pathLength)
        let certificate = try builder.sign(issuer: nil, key: key)
        try write(key, [certificate], to: name, passphrase: passphrase, replaces: replaces)
        try begin(name)
        return certificate
    }

    /// Makes an authority below `issuer`.
    ///
    /// - Throws: ``MTLSError``; ``GnuTLSError``.
    package func makeIntermediate(
        _ name: String, commonName: String, below issuer: StoredAuthority, key kind: KeyKind,
        period: LeafRequest.Period, pathLength: Int?, passphrase: SecretBytes?, replaces: Bool
    ) throws -> Certificate {
        try requireFree(name, isAuthority: true, replaces: replaces)
        guard issuer.certificate.pathLength != 0 else {
            throw LeafRequest.invalid("the authority \"\(issuer.name)\" may have no authority below it (path length 0)")
        }
        try LeafRequest.checkCommonName(commonName)
        guard name != issuer.name else { throw LeafRequest.invalid("an authority cannot take the place of its issuer") }
        let key = try PrivateKey.generate(kind)
        let certificate = try issuer.sign(Self.builder(commonName, key.publicKey, period, pathLength), file: name)
        try write(key, [certificate] + issuer.intermediates, to: name, passphrase: passphrase, replaces: replaces)
        try begin(name)
        return certificate
    }

    /// What an authority of that name had before is no business of the new one.
    private func begin(_ name: String) throws(MTLSError) {
        unlink(listPath(name))
        try beginIndex(name)
    }

    /// Writes a certificate with its chain, and its key. A PKCS#12 file of that name goes: its key is another.
    ///
    /// - Parameter key: nil where it lives elsewhere.
    package func write(
        _ key: PrivateKey?, _ chain: [Certificate], to name: String, passphrase: SecretBytes?, replaces: Bool
    ) throws {
        if let key {
            if replaces { unlink(containerPath(name)) }
            try key.pemEncoded(passphrase: passphrase).withUnsafeBytes {
                try SafeFile.write($0, to: keyPath(name), mode: 0o600, replaces: replaces)
            }
        }
        try SafeFile.write(
            Array(chain.map(\.pemEncoded).joined()), to: certificatePath(name), mode: 0o644, replaces: replaces)
    }

    private static func builder(
        _ commonName: String, _ key: PublicKey, _ period: LeafRequest.Period, _ pathLength: Int?
    ) -> CertificateBuilder {
        var builder = CertificateBuilder(subject: [.commonName(commonName)], publicKey: key)
        (builder.notBefore, builder.notAfter) = (period.notBefore, period.notAfter)
        builder.isCA = true
        builder.pathLength = pathLength
        builder.keyUsage = [.keyCertSign, .crlSign]
        return builder
    }

    // MARK: The index

    private func beginIndex(_ name: String) throws(MTLSError) {
        try SafeFile.write([], to: indexPath(name), mode: 0o644, replaces: true)
        // For OpenSSL: a renewed certificate has the subject of the one before.
        try SafeFile.write(
            Array("unique_subject = no\n".utf8), to: indexPath(name) + ".attr", mode: 0o644, replaces: true)
    }

    /// What the authority `name` has issued.
    package func index(_ name: String) throws(MTLSError) -> IssuedIndex {
        let path = indexPath(name)
        guard let text = try SafeFile.read(path) else { return IssuedIndex() }
        do { return try IssuedIndex(parsing: text) } catch {
            throw MTLSError(
                .identityMalformed, phase: .prepare, fault: .caller, "the file \"\(path)\" cannot be used: \(error)")
        }
    }

    /// Changes the index of `name` while no other process does.
    func changeIndex<Result>(_ name: String, _ change: (inout IssuedIndex) throws -> Result) throws -> Result {
        let lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard lock >= 0 else { throw SafeFile.unwritable(path) }
        defer { close(lock) }
        while flock(lock, LOCK_EX) != 0 { guard errno == EINTR else { throw SafeFile.unwritable(path) } }
        if !SafeFile.exists(indexPath(name)) { try beginIndex(name) }
        var index = try index(name)
        let result = try change(&index)
        try SafeFile.write(Array(index.text.utf8), to: indexPath(name), mode: 0o644, replaces: true)
        return result
    }
}

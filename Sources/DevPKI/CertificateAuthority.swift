public import GnuTLS

/// An authority for development and tests, whose key lives in this process's memory and nowhere else.
///
/// ```swift
/// let authority = try CertificateAuthority(commonName: "Test Root")
/// let server = try authority.issue(.server(names: ["localhost", "127.0.0.1"]))
/// let client = try authority.issueClient(commonName: "alice")
/// ```
///
/// Certificates are made when they are asked for, with dates around now, so that no test depends on the calendar. What
/// its functions throw says which step GnuTLS refused, and why. The value may be used by many threads at once.
public struct CertificateAuthority: Sendable {
    /// The authority's own certificate.
    public let certificate: Certificate
    /// What has to be sent beside a leaf: this authority and those above it, without the root. Empty for a root.
    public let intermediates: [Certificate]
    /// The trust anchor.
    public let root: Certificate
    package let privateKey: PrivateKey

    /// Makes a root.
    ///
    /// - Parameters:
    ///   - commonName: The authority's name.
    ///   - key: The kind of its key. RSA takes some tenths of a second.
    ///   - validity: When it is valid.
    public init(commonName: String, key: KeyKind = .ecdsaP256, validity: Validity = .hours(48)) throws {
        privateKey = try PrivateKey.generate(key)
        let builder = Self.builder(commonName, privateKey.publicKey, validity, pathLength: nil)
        certificate = try builder.sign(issuer: nil, key: privateKey)
        root = certificate
        intermediates = []
    }

    private init(below issuer: CertificateAuthority, _ builder: CertificateBuilder, _ key: PrivateKey) throws {
        certificate = try builder.sign(issuer: issuer.certificate, key: issuer.privateKey)
        root = issuer.root
        intermediates = [certificate] + issuer.intermediates
        privateKey = key
    }

    /// Makes an authority below this one.
    ///
    /// - Parameters:
    ///   - commonName: The authority's name.
    ///   - key: The kind of its key.
    ///   - validity: When it is valid.
    ///   - pathLength: How many authorities may stand below it; any number when nil.
    public func intermediate(
        commonName: String, key: KeyKind = .ecdsaP256, validity: Validity = .hours(48), pathLength: Int? = nil
    ) throws -> CertificateAuthority {
        let key = try PrivateKey.generate(key)
        return try CertificateAuthority(
            below: self, Self.builder(commonName, key.publicKey, validity, pathLength: pathLength), key)
    }

    /// Makes a key and a certificate for it. A weak key, such as RSA-1024, is made if that is asked for.
    public func issue(
        _ subject: LeafSubject, key: KeyKind = .ecdsaP256, validity: Validity = .hours(24)
    ) throws -> IssuedIdentity {
        let key = try PrivateKey.generate(key)
        let certificate = try issue(subject, publicKey: key.publicKey, validity: validity)
        return IssuedIdentity(certificate: certificate, intermediates: intermediates, root: root, privateKey: key)
    }

    /// Certifies a key that lives elsewhere, such as in a token.
    public func issue(
        _ subject: LeafSubject, publicKey: PublicKey, validity: Validity = .hours(24)
    ) throws -> Certificate {
        var builder = CertificateBuilder(subject: [.commonName(subject.commonName)], publicKey: publicKey)
        (builder.notBefore, builder.notAfter) = validity.period
        builder.keyUsage = publicKey.algorithm == .rsa ? [.digitalSignature, .keyEncipherment] : .digitalSignature
        builder.extendedKeyUsages = subject.purposes
        for name in subject.names {
            if case .ip(let address) = ServerName(name) {
                builder.ipAddresses.append(address)
            } else {
                builder.dnsNames.append(name)
            }
        }
        return try builder.sign(issuer: certificate, key: privateKey)
    }

    /// Makes a key and a client's certificate for it.
    public func issueClient(
        commonName: String, key: KeyKind = .ecdsaP256, validity: Validity = .hours(24)
    ) throws -> IssuedIdentity {
        try issue(.client(commonName: commonName), key: key, validity: validity)
    }

    /// Makes a client's certificate for a key that lives elsewhere, such as in a token.
    public func issueClient(
        commonName: String, publicKey: PublicKey, validity: Validity = .hours(24)
    ) throws -> Certificate {
        try issue(.client(commonName: commonName), publicKey: publicKey, validity: validity)
    }

    /// Makes the list that revokes `certificates`, all issued by this authority, as a PEM block in ASCII.
    public func revocationList(revoking certificates: [Certificate], validity: Validity = .hours(24)) throws -> [UInt8]
    {
        let (thisUpdate, nextUpdate) = validity.period
        return try RevocationList.sign(
            revoked: certificates, issuer: certificate, key: privateKey, thisUpdate: thisUpdate, nextUpdate: nextUpdate
        ).pemEncoded
    }

    /// Writes the trust anchor to `name`.pem in `directory`, which has to be there, and returns the file's path.
    @discardableResult
    public func writeRoot(to directory: String, name: String = "ca") throws -> String {
        let path = "\(directory)/\(name).pem"
        try root.pemEncoded.withUnsafeBytes { try NewFile.create($0, to: path, mode: 0o644) }
        return path
    }

    private static func builder(
        _ commonName: String, _ key: PublicKey, _ validity: Validity, pathLength: Int?
    ) -> CertificateBuilder {
        var builder = CertificateBuilder(subject: [.commonName(commonName)], publicKey: key)
        (builder.notBefore, builder.notAfter) = validity.period
        builder.isCA = true
        builder.pathLength = pathLength
        builder.keyUsage = [.keyCertSign, .crlSign]
        return builder
    }
}

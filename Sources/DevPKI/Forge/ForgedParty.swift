package import GnuTLS

/// Somebody with a key and a certificate of which every field may be wrong.
package struct ForgedParty: Sendable {
    package let key: PrivateKey
    package let der: [UInt8]
    /// The Name that it issues under.
    package let name: [UInt8]
    /// The identifier of its key.
    package let keyID: [UInt8]

    /// Makes a root.
    package static func root(
        _ commonName: String = "Forged Root", key: KeyKind = .ecdsaP256, privateKey: PrivateKey? = nil,
        edit: (inout CertificateForge) -> Void = { _ in }
    ) throws -> ForgedParty {
        try make(commonName, privateKey ?? PrivateKey.generate(key), issuer: nil, authority, edit)
    }

    /// Makes an authority below this one.
    package func authority(
        _ commonName: String, key: KeyKind = .ecdsaP256, privateKey: PrivateKey? = nil,
        edit: (inout CertificateForge) -> Void = { _ in }
    ) throws -> ForgedParty {
        try Self.make(commonName, privateKey ?? PrivateKey.generate(key), issuer: self, Self.authority, edit)
    }

    /// Makes a server's certificate for `api.example`.
    package func server(
        _ commonName: String = "server", key: KeyKind = .ecdsaP256, privateKey: PrivateKey? = nil,
        edit: (inout CertificateForge) -> Void = { _ in }
    ) throws -> ForgedParty {
        try Self.make(
            commonName, privateKey ?? PrivateKey.generate(key), issuer: self,
            { forge in
                forge.set(.keyUsage(.digitalSignature))
                forge.set(.purposes(KeyPurpose.serverAuth))
                forge.set(.dns("api.example"))
            }, edit)
    }

    private static func authority(_ forge: inout CertificateForge) {
        forge.set(.basicConstraints(authority: true))
        forge.set(.keyUsage([.keyCertSign, .crlSign]))
    }

    private static func make(
        _ commonName: String, _ key: PrivateKey, issuer: ForgedParty?, _ kind: (inout CertificateForge) -> Void,
        _ edit: (inout CertificateForge) -> Void
    ) throws -> ForgedParty {
        let keyID = Array(try key.publicKey.keyID().prefix(20))
        var forge = CertificateForge(commonName: commonName, key: key.publicKey)
        if let issuer { forge.issuer = issuer.name }
        forge.set(.subjectKeyID(keyID))
        forge.set(.authorityKeyID(issuer?.keyID ?? keyID))
        kind(&forge)
        edit(&forge)
        return ForgedParty(
            key: key, der: try forge.signed(by: issuer?.key ?? key), name: forge.subject, keyID: keyID)
    }
}

extension ForgedParty {
    /// What a server shows that has this certificate.
    ///
    /// - Throws: When a certificate cannot be read.
    package func identity(below authorities: [ForgedParty], root: ForgedParty) throws -> IssuedIdentity {
        IssuedIdentity(
            certificate: try Certificate(der: der), intermediates: try authorities.map { try Certificate(der: $0.der) },
            root: try Certificate(der: root.der), privateKey: key)
    }
}

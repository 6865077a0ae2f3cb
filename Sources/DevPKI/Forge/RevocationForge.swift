package import GnuTLS

/// Writes revocation lists field by field, also such as no authority should issue.
package struct RevocationForge: Sendable {
    package var issuer: [UInt8]
    /// In DER; the second may be left out.
    package var thisUpdate: [UInt8]
    package var nextUpdate: [UInt8]?
    /// The serial numbers, with the extensions of each entry.
    package var revoked: [(serial: [UInt8], extensions: [CertificateForge.Extension])] = []
    package var extensions: [CertificateForge.Extension] = []
    package var breaksSignature = false

    /// A list from an hour ago until in a day.
    package init(issuer: ForgedParty) {
        self.issuer = issuer.name
        let now = secondsSince1970()
        thisUpdate = DER.time(now - 3600)
        nextUpdate = DER.time(now + 86_400)
        extensions = [.authorityKeyID(issuer.keyID), .init("2.5.29.20", [0x02, 0x01, 0x01])]
    }

    /// The list in DER.
    package func signed(by signer: PrivateKey) throws -> [UInt8] {
        let (scheme, algorithm) = try CertificateForge.algorithm(of: signer.publicKey)
        let entries = revoked.map { entry in
            DER.sequence(
                DER.element(tag: 0x02, entry.serial), thisUpdate,
                entry.extensions.isEmpty ? [] : Self.list(entry.extensions))
        }
        let body = DER.sequence(
            [0x02, 0x01, 0x01], algorithm, issuer, thisUpdate, nextUpdate ?? [],
            entries.isEmpty ? [] : DER.sequence(entries), DER.element(tag: 0xA0, Self.list(extensions)))
        var signature = try signer.sign(body, scheme: scheme)
        if breaksSignature { signature[signature.count - 1] ^= 1 }
        return DER.sequence(body, algorithm, DER.element(tag: 0x03, [0] + signature))
    }

    private static func list(_ extensions: [CertificateForge.Extension]) -> [UInt8] {
        DER.sequence(
            extensions.map { entry in
                DER.sequence(
                    DER.objectIdentifier(entry.oid), entry.isCritical ? [0x01, 0x01, 0xFF] : [],
                    DER.element(tag: 0x04, entry.value))
            })
    }
}

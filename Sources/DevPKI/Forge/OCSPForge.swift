package import GnuTLS

/// Writes OCSP responses (RFC 6960) field by field.
package struct OCSPForge: Sendable {
    package enum Status: Sendable {
        case good, revoked, unknown
    }

    package var status = Status.good
    /// Seconds from now.
    package var thisUpdate: Int64 = -3600
    package var nextUpdate: Int64? = 86_400
    package var breaksSignature = false
    /// The certificate that the response is about: its serial number.
    package var serial: [UInt8]
    package var issuerName: [UInt8]
    /// Of the P-256 key of the issuer, the bits.
    package var issuerKey: [UInt8]

    /// A good answer about `certificate`.
    ///
    /// - Parameter issuer: Has a P-256 key.
    package init(about certificate: Certificate, issuer: ForgedParty) {
        serial = Array(stride(from: 0, to: certificate.serialNumber.utf8.count, by: 2)).map { start in
            let digits = Array(certificate.serialNumber.utf8)[start..<(start + 2)]
            return UInt8(String(decoding: digits, as: UTF8.self), radix: 16) ?? 0
        }
        issuerName = issuer.name
        issuerKey = issuer.key.publicKey.spkiDER.suffix(65)
    }

    /// The response in DER.
    ///
    /// - Parameter delegate: Signs in the issuer's place, and shows its certificate.
    package func signed(by issuer: ForgedParty, delegate: ForgedParty? = nil) throws -> [UInt8] {
        let signer = delegate ?? issuer
        let now = secondsSince1970()
        func time(_ offset: Int64) -> [UInt8] { DER.element(tag: 0x18, Array(CivilDate.text(now + offset).utf8)) }
        let identifier = DER.sequence(
            DER.sequence(DER.objectIdentifier("2.16.840.1.101.3.4.2.1"), [0x05, 0x00]),
            DER.element(tag: 0x04, try HashAlgorithm.sha256.hash(of: issuerName)),
            DER.element(tag: 0x04, try HashAlgorithm.sha256.hash(of: issuerKey)), DER.element(tag: 0x02, serial))
        let verdict: [UInt8] =
            switch status {
            case .good: [0x80, 0x00]
            case .unknown: [0x82, 0x00]
            case .revoked: DER.element(tag: 0xA1, time(-7200) + DER.element(tag: 0xA0, [0x0A, 0x01, 0x01]))
            }
        let single = DER.sequence(
            identifier, verdict, time(thisUpdate), nextUpdate.map { DER.element(tag: 0xA0, time($0)) } ?? [])
        let body = DER.sequence(DER.element(tag: 0xA1, signer.name), time(thisUpdate), DER.sequence(single))
        let (scheme, algorithm) = try CertificateForge.algorithm(of: signer.key.publicKey)
        var signature = try signer.key.sign(body, scheme: scheme)
        if breaksSignature { signature[signature.count - 1] ^= 1 }
        let basic = DER.sequence(
            body, algorithm, DER.element(tag: 0x03, [0] + signature),
            delegate.map { DER.element(tag: 0xA0, DER.sequence($0.der)) } ?? [])
        return DER.sequence(
            [0x0A, 0x01, 0x00],
            DER.element(
                tag: 0xA0,
                DER.sequence(DER.objectIdentifier("1.3.6.1.5.5.7.48.1.1"), DER.element(tag: 0x04, basic))))
    }
}

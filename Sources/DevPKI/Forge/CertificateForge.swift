package import GnuTLS

/// Writes certificates field by field, also such as no authority should issue: for tests of those who judge them.
package struct CertificateForge: Sendable {
    /// One extension, to be written as it is.
    package struct Extension: Sendable {
        package var oid: String
        package var isCritical: Bool
        package var value: [UInt8]

        package init(_ oid: String, critical isCritical: Bool = false, _ value: [UInt8]) {
            self.oid = oid
            self.isCritical = isCritical
            self.value = value
        }
    }

    /// As the certificate writes it: 2 for version 3; nil leaves it out, which makes version 1.
    package var version: UInt8? = 2
    /// The contents of the INTEGER.
    package var serial: [UInt8]
    /// Names in DER.
    package var issuer: [UInt8]
    package var subject: [UInt8]
    /// UTCTime or GeneralizedTime in DER.
    package var notBefore: [UInt8]
    package var notAfter: [UInt8]
    /// The SubjectPublicKeyInfo in DER.
    package var key: [UInt8]
    package var extensions: [Extension] = []
    /// The AlgorithmIdentifier within what is signed, in place of the one beside the signature.
    package var innerAlgorithm: [UInt8]?
    /// Spoils the signature.
    package var breaksSignature = false

    /// A certificate of version 3 for a common name, from an hour ago until in a day.
    package init(commonName: String, key: PublicKey) {
        self.key = key.spkiDER
        subject = Name.common(commonName)
        issuer = subject
        serial = [0x40] + (0..<15).map { _ in UInt8.random(in: .min ... .max) }
        let now = secondsSince1970()
        notBefore = DER.time(now - 3600)
        notAfter = DER.time(now + 86_400)
    }

    /// From and until so many seconds from now.
    package mutating func isValid(from start: Int64, until end: Int64) {
        let now = secondsSince1970()
        notBefore = DER.time(now + start)
        notAfter = DER.time(now + end)
    }

    /// Puts an extension in place of the one of the same kind, or adds it.
    package mutating func set(_ new: Extension) {
        extensions.removeAll { $0.oid == new.oid }
        extensions.append(new)
    }

    package mutating func remove(_ oid: String) { extensions.removeAll { $0.oid == oid } }

    /// The certificate in DER.
    package func signed(by signer: PrivateKey) throws -> [UInt8] {
        let (scheme, algorithm) = try Self.algorithm(of: signer.publicKey)
        var parts: [[UInt8]] = []
        if let version { parts.append(DER.element(tag: 0xA0, [0x02, 0x01, version])) }
        parts += [
            DER.element(tag: 0x02, serial), innerAlgorithm ?? algorithm, issuer, DER.sequence(notBefore, notAfter),
            subject, key,
        ]
        if !extensions.isEmpty {
            let list = extensions.map { entry in
                DER.sequence(
                    DER.objectIdentifier(entry.oid), entry.isCritical ? [0x01, 0x01, 0xFF] : [],
                    DER.element(tag: 0x04, entry.value))
            }
            parts.append(DER.element(tag: 0xA3, DER.sequence(list)))
        }
        let body = DER.sequence(parts)
        var signature = try signer.sign(body, scheme: scheme)
        if breaksSignature { signature[signature.count - 1] ^= 1 }
        return DER.sequence(body, algorithm, DER.element(tag: 0x03, [0] + signature))
    }

    /// The scheme to sign with, and its AlgorithmIdentifier.
    package static func algorithm(of key: PublicKey) throws -> (SignatureScheme, [UInt8]) {
        switch key.algorithm {
        case .rsa:
            (.rsaPKCS1SHA256, DER.sequence(DER.objectIdentifier("1.2.840.113549.1.1.11"), [0x05, 0x00]))
        case .ecdsa(.p384): (.ecdsaSECP384R1SHA384, DER.sequence(DER.objectIdentifier("1.2.840.10045.4.3.3")))
        case .ed25519: (.ed25519, DER.sequence(DER.objectIdentifier("1.3.101.112")))
        default: (.ecdsaSECP256R1SHA256, DER.sequence(DER.objectIdentifier("1.2.840.10045.4.3.2")))
        }
    }
}

extension CertificateForge {
    /// Distinguished names in DER.
    package enum Name {
        package static func common(_ name: String) -> [UInt8] { of([("2.5.4.3", name)]) }

        /// Attributes, each in a relative name of its own, as UTF8String.
        package static func of(_ attributes: [(oid: String, value: String)]) -> [UInt8] {
            DER.sequence(
                attributes.map { oid, value in
                    DER.element(
                        tag: 0x31,
                        DER.sequence(DER.objectIdentifier(oid), DER.element(tag: 0x0C, Array(value.utf8))))
                })
        }
    }
}

extension CertificateForge.Extension {
    package static func basicConstraints(
        authority: Bool, pathLength: UInt8? = nil, critical: Bool = true
    ) -> Self {
        Self(
            "2.5.29.19", critical: critical,
            DER.sequence(authority ? [0x01, 0x01, 0xFF] : [], pathLength.map { [0x02, 0x01, $0] } ?? []))
    }

    package static func keyUsage(_ usage: KeyUsage, critical: Bool = true) -> Self {
        let bits = UInt8(truncatingIfNeeded: usage.rawValue)
        return Self("2.5.29.15", critical: critical, [0x03, 0x02, UInt8(min(bits.trailingZeroBitCount, 7)), bits])
    }

    package static func purposes(_ oids: String..., critical: Bool = false) -> Self {
        Self("2.5.29.37", critical: critical, DER.sequence(oids.map(DER.objectIdentifier)))
    }

    /// GeneralNames, each with its tag and contents.
    package static func names(_ names: [(tag: UInt8, contents: [UInt8])], critical: Bool = false) -> Self {
        Self(
            "2.5.29.17", critical: critical,
            DER.sequence(names.map { DER.element(tag: $0.tag, $0.contents) }))
    }

    package static func dns(_ names: String...) -> Self { .names(names.map { (0x82, Array($0.utf8)) }) }

    /// Subtrees, each by the tag and the contents of its base.
    package static func nameConstraints(
        permitted: [(tag: UInt8, contents: [UInt8])] = [], excluded: [(tag: UInt8, contents: [UInt8])] = []
    ) -> Self {
        func trees(_ tag: UInt8, _ list: [(tag: UInt8, contents: [UInt8])]) -> [UInt8] {
            list.isEmpty
                ? [] : DER.element(tag: tag, list.flatMap { DER.sequence(DER.element(tag: $0.tag, $0.contents)) })
        }
        return Self("2.5.29.30", critical: true, DER.sequence(trees(0xA0, permitted), trees(0xA1, excluded)))
    }

    package static func subjectKeyID(_ id: [UInt8]) -> Self { Self("2.5.29.14", DER.element(tag: 0x04, id)) }

    package static func authorityKeyID(_ id: [UInt8]) -> Self {
        Self("2.5.29.35", DER.sequence(DER.element(tag: 0x80, id)))
    }

    /// A demand for an OCSP staple (RFC 7633).
    package static var mustStaple: Self { Self("1.3.6.1.5.5.7.1.24", DER.sequence([0x02, 0x01, 0x05])) }
}

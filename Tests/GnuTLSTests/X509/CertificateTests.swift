import GnuTLS
import Glibc
import Testing

struct CertificateTests {
    @Test func theFieldsAreThoseThatWereIssued() throws {
        let root = try TestAuthority("Test Root") { $0.pathLength = 2 }
        let leaf = try root.leaf("leaf") {
            $0.subject.append(.organization("Example, Inc."))
            $0.serialNumber = [0x01, 0xab]
            $0.notBefore = 1_000_000_000
            $0.notAfter = 2_000_000_000
            $0.dnsNames = ["a.example", "*.b.example"]
            $0.ipAddresses = [[127, 0, 0, 1], Array(repeating: 0, count: 15) + [1]]
            $0.keyUsage = [.digitalSignature, .keyAgreement]
            $0.extendedKeyUsages = [KeyPurpose.serverAuth, KeyPurpose.clientAuth]
        }
        #expect(leaf.subject == "O=Example\\, Inc.,CN=leaf" || leaf.subject == "CN=leaf,O=Example\\, Inc.")
        #expect(leaf.issuer == "CN=Test Root")
        #expect(leaf.rawIssuer == root.certificate.rawSubject)
        #expect(leaf.serialNumber == "01ab")
        #expect(leaf.notBefore == 1_000_000_000)
        #expect(leaf.notAfter == 2_000_000_000)
        #expect(leaf.dnsNames == ["a.example", "*.b.example"])
        #expect(leaf.ipAddresses == ["127.0.0.1", "::1"])
        #expect(leaf.emailAddresses.isEmpty && leaf.uris.isEmpty)
        #expect(leaf.keyUsage == [.digitalSignature, .keyAgreement])
        #expect(leaf.extendedKeyUsages == [KeyPurpose.serverAuth, KeyPurpose.clientAuth])
        #expect(leaf.signatureAlgorithm == "ECDSA-SHA256")
        #expect(leaf.sha256Fingerprint == (try HashAlgorithm.sha256.hash(of: leaf.der)))
        #expect(leaf.sha256FingerprintHex.count == 64)
        #expect(!leaf.isCA && leaf.pathLength == nil && !leaf.isSelfIssued)
        #expect(root.certificate.isCA && root.certificate.pathLength == 2 && root.certificate.isSelfIssued)
    }

    @Test func whatIsAbsentIsEmptyOrNil() throws {
        let key = try PrivateKey.generate(.ed25519)
        let certificate = try CertificateBuilder(subject: [], publicKey: key.publicKey).sign(issuer: nil, key: key)
        #expect(certificate.subject == "")
        #expect(certificate.description.hasPrefix("(no subject), serial "))
        #expect(certificate.keyUsage == nil)
        #expect(certificate.extendedKeyUsages.isEmpty)
        #expect(certificate.dnsNames.isEmpty)
        #expect(!certificate.hasSubjectAlternativeName)
    }

    @Test func textFromTheIssuerIsEscaped() throws {
        let leaf = try TestAuthority().leaf("a\u{1b}[2Jb\nc\u{202e}") { $0.dnsNames = ["x\u{7}y", "a\0b"] }
        #expect(!leaf.subject.unicodeScalars.contains { $0.value < 32 || $0.value == 0x202e })
        #expect(leaf.dnsNames == ["x\\u{7}y", "a\\u{0}b"])
    }

    @Test func serialNumbersAreRandomAndPositive() throws {
        let authority = try TestAuthority()
        let serials = try (0..<20).map { _ in try authority.leaf().serialNumber }
        #expect(Set(serials).count == 20)
        #expect(serials.allSatisfy { $0.count == 32 && $0.first.map { "4567".contains($0) } == true })
    }

    @Test(arguments: SlowKeys.kinds)
    func everyKindOfKeyIsCertifiedAndCertifies(kind: KeyKind) throws {
        let key = try SlowKeys.key(kind)
        var builder = CertificateBuilder(subject: [.commonName("self")], publicKey: key.publicKey)
        builder.isCA = true
        let certificate = try builder.sign(issuer: nil, key: key)
        #expect(certificate.publicKey == key.publicKey)
        guard case .trusted = try TrustList(anchors: [certificate]).verify(chain: [certificate]) else {
            Issue.record("refused")
            return
        }
        let leaf = try CertificateBuilder(subject: [.commonName("leaf")], publicKey: key.publicKey)
            .sign(issuer: certificate, key: key)
        guard case .trusted(let path) = try TrustList(anchors: [certificate]).verify(chain: [leaf]) else {
            Issue.record("refused")
            return
        }
        #expect(path == [leaf, certificate])
    }

    @Test func chainsAreReadInTheirOrder() throws {
        let root = try TestAuthority()
        let chain = [try root.leaf("1"), try root.leaf("2"), root.certificate]
        let pem = Array("comment\n".utf8) + chain.flatMap(\.pemEncoded)
        #expect(try Certificate.chain(pem: pem) == chain)
    }

    @Test func textWithoutCertificatesIsAnError() {
        #expect(throws: CertificateError.noneFound("CERTIFICATE")) { try Certificate.chain(pem: []) }
        #expect(throws: CertificateError.noneFound("CERTIFICATE")) {
            try Certificate.chain(pem: PEM.encode(label: "PUBLIC KEY", der: [1]))
        }
    }

    @Test func aDamagedCertificateNamesItsLine() throws {
        let good = try TestAuthority().certificate.pemEncoded
        let line = good.split(separator: UInt8(ascii: "\n")).count + 1
        let pem = good + PEM.encode(label: "CERTIFICATE", der: [0x30, 0x03, 1, 1, 1])
        #expect {
            try Certificate.chain(pem: pem)
        } throws: { error in
            guard case .malformed(line, _) = error as? CertificateError else { return false }
            return true
        }
    }

    @Test func noTruncationOfACertificateIsRead() throws {
        let der = try TestAuthority().leaf { $0.dnsNames = ["a.example"] }.der
        for length in 0..<der.count {
            #expect(throws: GnuTLSError.self) { try Certificate(der: Array(der.prefix(length))) }
        }
    }

    @Test func alteredCertificatesAreNeverTrusted() throws {
        let root = try TestAuthority()
        let leaf = try root.leaf { $0.dnsNames = ["a.example"] }
        let trust = try TrustList(anchors: [root.certificate])
        for index in leaf.der.indices {
            var der = leaf.der
            der[index] ^= 0x01
            guard let altered = try? Certificate(der: der) else { continue }
            if case .trusted = try trust.verify(chain: [altered]) { Issue.record("byte \(index)") }
        }
    }
}

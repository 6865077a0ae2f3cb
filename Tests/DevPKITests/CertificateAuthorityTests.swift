import DevPKI
import Glibc
import GnuTLS
import SecretMemory
import Testing

struct CertificateAuthorityTests {
    private func outcome(
        _ identity: IssuedIdentity, purpose: String? = nil
    ) throws -> VerificationOutcome {
        try TrustList(anchors: [identity.root]).verify(chain: identity.chain, purpose: purpose)
    }

    private func status(_ identity: IssuedIdentity, purpose: String? = nil) throws -> VerificationStatus {
        if case .refused(let refusal) = try outcome(identity, purpose: purpose) { refusal.status } else { [] }
    }

    @Test func aServerIsTrustedForItsNames() throws {
        let server = try CertificateAuthority(commonName: "Test Root")
            .issue(.server(names: ["localhost", "*.test.example", "127.0.0.1", "::1"]))
        #expect(try status(server, purpose: KeyPurpose.serverAuth) == [])
        #expect(server.certificate.dnsNames == ["localhost", "*.test.example"])
        #expect(server.certificate.ipAddresses == ["127.0.0.1", "::1"])
        #expect(server.certificate.subject == "CN=localhost")
        for host in ["localhost", "a.test.example", "127.0.0.1", "[::1]"] {
            #expect(server.certificate.matches(try #require(ServerName(host))))
        }
    }

    @Test func aServerWithoutNamesHasNoAlternativeName() throws {
        let server = try CertificateAuthority(commonName: "Test Root")
            .issue(.server(names: [], commonName: "server.example"))
        #expect(!server.certificate.hasSubjectAlternativeName)
        #expect(server.certificate.subject == "CN=server.example")
    }

    @Test func aClientIsForClientsOnly() throws {
        let client = try CertificateAuthority(commonName: "Test Root").issueClient(commonName: "alice")
        #expect(try status(client, purpose: KeyPurpose.clientAuth) == [])
        #expect(try status(client, purpose: KeyPurpose.serverAuth).contains(.purposeMismatch))
        #expect(client.certificate.subject == "CN=alice")
    }

    @Test func theChainLeadsThroughAllIntermediates() throws {
        let root = try CertificateAuthority(commonName: "Root")
        let first = try root.intermediate(commonName: "First")
        let second = try first.intermediate(commonName: "Second", pathLength: 0)
        let client = try second.issueClient(commonName: "alice")
        #expect(client.chain == [client.certificate, second.certificate, first.certificate])
        #expect(client.root == root.certificate)
        guard case .trusted(let path) = try outcome(client) else { Issue.record("refused"); return }
        #expect(path == client.chain + [root.certificate])
    }

    @Test(arguments: [
        KeyKind.rsa(bits: 2048), .rsaPSS(bits: 2048), .ecdsaP256, .ecdsaP384, .ecdsaP521, .ed25519, .ed448,
    ])
    func everyKindOfKeyIsIssued(kind: KeyKind) throws {
        let client = try CertificateAuthority(commonName: "Test Root").issueClient(commonName: "alice", key: kind)
        #expect(try status(client) == [])
        #expect(client.privateKey.publicKey == client.certificate.publicKey)
    }

    @Test func aKeyThatLivesElsewhereIsCertified() throws {
        let authority = try CertificateAuthority(commonName: "Test Root")
        let elsewhere = try PrivateKey.generate(.ecdsaP256).publicKey
        let certificate = try authority.issueClient(commonName: "token", publicKey: elsewhere)
        #expect(certificate.publicKey == elsewhere)
        guard case .trusted = try TrustList(anchors: [authority.root]).verify(chain: [certificate]) else {
            Issue.record("refused")
            return
        }
    }

    @Test func faultsAreRefused() throws {
        let authority = try CertificateAuthority(commonName: "Test Root")
        let subject = LeafSubject.server(names: ["localhost"])
        let serverAuth = KeyPurpose.serverAuth
        #expect(try status(authority.issue(subject, validity: .expired)).contains(.expired))
        #expect(try status(authority.issue(subject, validity: .notYetValid)).contains(.notActivated))
        #expect(try status(authority.issue(subject, key: .rsa(bits: 1024))).contains(.insecureAlgorithm))
        let other = subject.with(purposes: [KeyPurpose.clientAuth])
        #expect(try status(authority.issue(other), purpose: serverAuth).contains(.purposeMismatch))
        #expect(try status(authority.issue(subject.with(purposes: [])), purpose: serverAuth) == [])
    }

    @Test func revokedCertificatesAreListed() throws {
        let authority = try CertificateAuthority(commonName: "Test Root")
        let alice = try authority.issueClient(commonName: "alice")
        let bob = try authority.issueClient(commonName: "bob")
        let lists = try RevocationList.all(pem: authority.revocationList(revoking: [bob.certificate]))
        let trust = try TrustList(anchors: [authority.root], revocationLists: lists)
        guard case .trusted = try trust.verify(chain: alice.chain),
            case .refused(let refusal) = try trust.verify(chain: bob.chain)
        else {
            Issue.record("alice is refused or bob trusted")
            return
        }
        #expect(refusal.status.contains(.revoked))
    }
}

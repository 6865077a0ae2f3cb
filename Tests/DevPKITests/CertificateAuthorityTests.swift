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

    /// The name of the reason for a refusal; empty where there is none.
    private func refusal(_ identity: IssuedIdentity, purpose: String? = nil) throws -> String {
        guard case .refused(let fault) = try outcome(identity, purpose: purpose) else { return "" }
        return switch fault.reason {
        case .expired: "expired"
        case .notYetValid: "notYetValid"
        case .weak: "weak"
        case .purpose: "purpose"
        case .revoked: "revoked"
        default: fault.text
        }
    }

    @Test func aServerIsTrustedForItsNames() throws {
        let server = try CertificateAuthority(commonName: "Test Root")
            .issue(.server(names: ["localhost", "*.test.example", "127.0.0.1", "::1"]))
        #expect(try refusal(server, purpose: KeyPurpose.serverAuth) == "")
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
        #expect(try refusal(client, purpose: KeyPurpose.clientAuth) == "")
        #expect(try refusal(client, purpose: KeyPurpose.serverAuth) == "purpose")
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
        #expect(try refusal(client) == "")
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
        #expect(try refusal(authority.issue(subject, validity: .expired)) == "expired")
        #expect(try refusal(authority.issue(subject, validity: .notYetValid)) == "notYetValid")
        #expect(try refusal(authority.issue(subject, key: .rsa(bits: 1024))) == "weak")
        let other = subject.with(purposes: [KeyPurpose.clientAuth])
        #expect(try refusal(authority.issue(other), purpose: serverAuth) == "purpose")
        #expect(try refusal(authority.issue(subject.with(purposes: [])), purpose: serverAuth) == "")
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
        #expect(refusal.text.contains("revoked"))
    }
}

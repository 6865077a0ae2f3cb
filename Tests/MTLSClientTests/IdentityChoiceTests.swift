import DevPKI
import GnuTLS
import MTLSClient
import MTLSTestKit
import Testing

/// Which of several identities a server is shown.
@Suite struct IdentityChoiceTests {
    private struct Unused: Error {}

    /// A key that can sign in TLS 1.2 alone, and is not asked to.
    private struct OldKey: SigningKey {
        let publicKey: PublicKey
        let schemes: [SignatureScheme] = [.rsaPKCS1SHA256, .rsaPKCS1SHA384, .rsaPKCS1SHA512]
        func sign(_ input: KeyInput, scheme: SignatureScheme) throws -> [UInt8] { throw Unused() }
    }

    @Test func inTLS13AKeyThatDoesOnlyPKCS1IsPassedOver() async throws {
        let world = try World()
        let server = try await world.server(.required)
        let issued = try world.authority.issueClient(commonName: "old", key: .rsa(bits: 2048))
        let old = Identity.signing(OldKey(publicKey: issued.certificate.publicKey), chain: issued.chain)
        let new = try world.identity("new")
        let both = Identity.resolving { try await old.candidates(for: $0) + new.candidates(for: $0) }
        let client = try Client(server.url, identity: both, trust: world.trust)
        #expect(try await client.get().body.text(upTo: .kibibytes(1)) == "CN=new")
        #expect(server.requests.first?.client.version == .v1_3)
        await client.shutdown()
    }

    /// Says that a redirect has led here.
    private struct Redirected: Connector {
        let inner: TLSConnector
        func connect(to endpoint: Endpoint, context: ConnectContext) async throws -> Connection {
            var context = context
            context.reachedBy = .redirect
            return try await inner.connect(to: endpoint, context: context)
        }
    }

    @Test func afterARedirectAnIdentityIsShownOnlyWhereARuleNamesTheHost() async throws {
        let world = try World()
        let server = try await world.server(.requested)
        let alice = try world.identity("alice")
        for (identity, subject) in [(alice, "nobody"), (.perHost(["127.0.0.1": alice]), "CN=alice")] {
            let inner = TLSConnector(identity: identity, trust: world.trust)
            let client = try Client(server.url, connector: Redirected(inner: inner))
            #expect(try await client.get().body.text(upTo: .kibibytes(1)) == subject)
            await client.shutdown()
        }
    }
}

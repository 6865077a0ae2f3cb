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
}

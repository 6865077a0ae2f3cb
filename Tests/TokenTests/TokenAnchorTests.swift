import CountingModuleSupport
import DevPKI
import GnuTLS
import MTLSClient
import MTLSTestKit
import Testing

/// Trust anchors in a token.
@Suite struct TokenAnchorTests {
    @Test func theCertificateThatTheURINamesIsTrusted() async throws {
        let world = try await TokenWorld()
        let other = try CertificateAuthority(commonName: "Other Root")
        try await world.token.store(world.authority.root, label: "ca", id: [1])
        try await world.token.store(other.root, label: "other", id: [2])
        func trust(_ object: String) -> Trust { .token(world.token.uri(object: object), module: world.counting.path) }
        let client = try world.client(trust: trust("ca"))
        #expect(try await client.get().status == .ok)
        await client.shutdown()
        let stranger = try world.client(trust: trust("other"))
        #expect(await error { _ = try await stranger.get() }?.code == .issuerUnknown)
        await stranger.shutdown()
        let nobody = try world.client(trust: trust("missing"))
        #expect(await error { _ = try await nobody.get() }?.code == .tokenObjectNotFound)
        await nobody.shutdown()
    }

    @Test func aServerThatACheckRefusesCostsNoSignature() async throws {
        struct Refusal: Error {}
        let world = try await TokenWorld()
        let client = try world.client(trust: world.trust.check { _ in throw Refusal() })
        #expect(await error { _ = try await client.get() }?.code == .certificateRefused)
        #expect(world.counting.count(of: "C_Sign") == 0)
        #expect(world.counting.count(of: "C_Login") == 0)
        await client.shutdown()
    }
}

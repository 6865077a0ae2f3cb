import DevPKI
import GnuTLS
import MTLSClient
import MTLSTestKit
import Testing

@Suite struct TokenRequestTests {
    @Test(arguments: [KeyKind.rsa(bits: 2048), .ecdsaP256, .ed25519], [TLSVersion.v1_2, .v1_3])
    func aTokenIdentityIsAuthorized(kind: KeyKind, version: TLSVersion) async throws {
        let authority = try CertificateAuthority(commonName: "Test Root")
        let token = try await SoftHSMToken(issuedBy: authority, commonName: "alice", key: kind)
        let server = try await MTLSServer(
            identity: authority.issue(.server(names: ["localhost", "127.0.0.1"])), clients: .required,
            trusting: [authority.root])
        let client = try Client(
            server.url, identity: token.identity, trust: .certificates([authority.root]),
            tls: TLSSettings(minimumVersion: version, maximumVersion: version))
        let response = try await client.get("/orders")
        #expect(response.status == .ok)
        #expect(server.requests.first?.client.certificate?.subject == "CN=alice")
        #expect(response.connection.handshake?.version == version)
        #expect(response.connection.handshake?.signatureDuration ?? .zero > .zero)
        await client.shutdown()
    }
}

import DevPKI
import GnuTLS
import MTLSClient
import MTLSTestKit
import Testing

/// What a test server makes of its clients.
@Suite struct ServerVerdictTests {
    private let authority: CertificateAuthority
    private let stranger: CertificateAuthority

    init() throws {
        authority = try CertificateAuthority(commonName: "Test Root")
        stranger = try CertificateAuthority(commonName: "Stranger")
    }

    private func server(
        _ clients: MTLSServer.Clients, versions: ClosedRange<TLSVersion> = .v1_2 ... .v1_3
    ) async throws -> MTLSServer {
        try await MTLSServer(
            identity: authority.issue(.server(names: ["127.0.0.1"])), clients: clients, trusting: [authority.root],
            versions: versions)
    }

    /// The client as the server saw it.
    private func verdict(_ clients: MTLSServer.Clients, on issued: IssuedIdentity?) async throws -> ServerClient {
        let server = try await server(clients)
        let client = try Client(
            server.url, identity: issued.map { try $0.clientIdentity() }, trust: .certificates([authority.root]))
        _ = try await client.get()
        await client.shutdown()
        return try #require(server.requests.first).client
    }

    /// The codes of the client's error, and whether the server saw a request.
    private func refusal(on issued: IssuedIdentity?, _ version: TLSVersion) async throws -> MTLSError.Code? {
        let server = try await server(.required, versions: version...version)
        let client = try Client(
            server.url, identity: issued.map { try $0.clientIdentity() }, trust: .certificates([authority.root]))
        let error = await #expect(throws: MTLSError.self) { try await client.get() }
        await client.shutdown()
        #expect(server.requests.isEmpty)
        #expect(await server.handshakeErrors(atLeast: server.connectionCount).count == server.connectionCount)
        return error?.code
    }

    @Test(arguments: [MTLSServer.Clients.required, .requested])
    func aGoodCertificateIsAuthorized(clients: MTLSServer.Clients) async throws {
        let issued = try authority.issueClient(commonName: "alice")
        let client = try await verdict(clients, on: issued)
        #expect(client.authorized)
        #expect(client.reason == nil)
        #expect(client.certificate == issued.certificate)
    }

    @Test(arguments: [TLSVersion.v1_2, .v1_3])
    func whoeverRequiresACertificateRefusesClientsWithoutOne(version: TLSVersion) async throws {
        #expect(try await refusal(on: nil, version) == .clientCertificateRequired)
    }

    @Test(arguments: [TLSVersion.v1_2, .v1_3])
    func whoeverRequiresACertificateRefusesBadOnes(version: TLSVersion) async throws {
        #expect(try await refusal(on: stranger.issueClient(commonName: "eve"), version) == .clientCertificateRejected)
        let expired = try authority.intermediate(commonName: "Late", validity: .expired)
        #expect(
            try await refusal(on: expired.issueClient(commonName: "alice"), version) == .clientCertificateRejected)
    }

    @Test func whoeverRequestsACertificateAnswersAnybodyAndSaysWhy() async throws {
        let nobody = try await verdict(.requested, on: nil)
        #expect(!nobody.authorized)
        #expect(nobody.certificate == nil)
        #expect(nobody.reason == "the client sent no certificate")
        let bad = try stranger.issueClient(commonName: "eve")
        let eve = try await verdict(.requested, on: bad)
        #expect(!eve.authorized)
        #expect(eve.certificate == bad.certificate)
        #expect(eve.reason?.contains("CN=eve") == true)
    }

    @Test func whoeverIgnoresCertificatesSeesNone() async throws {
        let client = try await verdict(.ignored, on: authority.issueClient(commonName: "alice"))
        #expect(!client.authorized)
        #expect(client.certificate == nil)
        #expect(client.reason == nil)
    }

    @Test(arguments: [TLSVersion.v1_2, .v1_3])
    func theVersionIsKept(version: TLSVersion) async throws {
        let server = try await server(.ignored, versions: version...version)
        let client = try Client(server.url, trust: .certificates([authority.root]))
        _ = try await client.get()
        #expect(server.requests.first?.client.version == version)
        await client.shutdown()
    }
}

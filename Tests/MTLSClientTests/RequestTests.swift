import DevPKI
import MTLSClient
import MTLSTestKit
import Testing

@Suite struct RequestTests {
    @Test(arguments: [TLSVersion.v1_2, .v1_3])
    func aPEMIdentityIsAuthorized(version: TLSVersion) async throws {
        let world = try World()
        let server = try await world.server(.required)
        let identity = try world.identity("alice")
        let client = try Client(
            server.url, identity: identity, trust: world.trust,
            tls: TLSSettings(minimumVersion: version, maximumVersion: version))
        let response = try await client.get("/orders")
        #expect(response.status == .ok)
        #expect(try await response.body.text(upTo: .kibibytes(1)) == "CN=alice")
        #expect(response.connection.handshake?.version == version)
        #expect(server.requests.map(\.client.authorized) == [true])
        await client.shutdown()
    }

    @Test func consecutiveRequestsUseOneConnection() async throws {
        let world = try World()
        let server = try await world.server(.required)
        let client = try Client(server.url, identity: try world.identity("alice"), trust: world.trust)
        for number in 1...3 {
            let response = try await client.get()
            #expect(response.connection.requestCount == number)
            _ = try await response.body.collect(upTo: .kibibytes(1))
        }
        #expect(server.connectionCount == 1)
        await client.shutdown()
    }

    @Test func aBodyIsSentAndEchoed() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { .response(bytes: Array($0.body)) }
        let client = try Client(server.url, trust: world.trust)
        let sent = [UInt8]((0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 7) })
        let response = try await client.post("/echo", body: .bytes(sent))
        #expect(Array(try await response.body.collect(upTo: .mebibytes(1))) == sent)
        await client.shutdown()
    }
}

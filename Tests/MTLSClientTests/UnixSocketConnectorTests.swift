import MTLSClient
import MTLSTestKit
import Testing

@Suite struct UnixSocketConnectorTests {
    @Test func anHTTPOriginIsReachedOverAUnixSocket() async throws {
        let server = try await PlainServer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        let relay = try await UnixRelay(to: server.port)
        let client = try Client("http://docker", connector: UnixSocketConnector(path: relay.path))
        #expect(try await client.get().body.text(upTo: .kibibytes(1)) == "hi")
        await client.shutdown()
    }

    @Test func anHTTPSOriginIsReachedOverAUnixSocketWithAnIdentity() async throws {
        let world = try World()
        let server = try await world.server(.required)
        let relay = try await UnixRelay(to: server.port)
        let client = try Client(
            "https://localhost",
            connector: TLSConnector(
                identity: world.identity("alice"), trust: world.trust, over: UnixSocketConnector(path: relay.path)))
        #expect(try await client.get().body.text(upTo: .kibibytes(1)) == "CN=alice")
        await client.shutdown()
    }

    @Test(arguments: [
        ("/nonexistent/socket", "No such file"), (String(repeating: "x", count: 104), "room for 103"), ("", "empty"),
        ("a\u{0}b", "NUL"), ("/dev/null", "Connection refused"),
    ])
    func aSocketThatCannotBeConnectedIsNamed(path: String, reason: String) async throws {
        let client = try Client("http://docker", connector: UnixSocketConnector(path: path))
        let error = await #expect(throws: MTLSError.self) { try await client.get() }
        #expect(error?.code == .connectFailed)
        #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
        await client.shutdown()
    }
}

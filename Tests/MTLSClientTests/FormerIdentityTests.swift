import HTTPTypes
import MTLSClient
import MTLSTestKit
import Testing

@testable import MTLSIdentity

/// An identity that is replaced while its connection's response arrives.
@Suite struct FormerIdentityTests {
    private struct Showing: Connector {
        let identities: [ClientIdentity]

        func connect(to endpoint: Endpoint, context: ConnectContext) async throws -> Connection {
            let channel = try await TCPConnector().connect(to: endpoint, context: context).channel
            return Connection(channel: channel, identities: identities)
        }
    }

    @Test(.timeLimit(.minutes(1))) func aWaitingRequestIsNotServedOverTheConnectionThatShowsIt() async throws {
        let alice = try await World().identity("alice").candidates(for: Endpoint("localhost", 443))
        let (releases, release) = AsyncStream<Void>.makeStream()
        let server = try await RawServer { peer in
            _ = try await peer.readHead()
            for await _ in releases { break }
            // The interim response, which has the identity replaced, comes in one read with the end.
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
            try await peer.send("HTTP/1.1 103 Early Hints\r\n\r\n" + answer)
            while try await peer.readHead() != nil { try await peer.send(answer) }
        }
        var settings = ClientSettings()
        settings.connectionLimit = 1
        let client = try Client(server.url, connector: Showing(identities: alice), settings: settings)
        async let first = client.execute(HTTPRequest(method: .get, scheme: nil, authority: nil, path: "/")) { _ in
            for identity in alice { identity.supersede() }
        }
        while await client.statistics.running == 0 { await Task.yield() }
        async let waiting = client.get("/")
        while await client.statistics.pending == 0 { await Task.yield() }
        release.yield()
        #expect(try await first.connection.id == 1)
        release.yield()
        #expect(try await waiting.connection.id == 2)
        await client.shutdown()
    }
}

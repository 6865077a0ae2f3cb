import MTLSClient
import MTLSTestKit
import Testing

/// What users of undici rely on and no other suite shows; "Coming from undici" lists where the rest is tested.
@Suite(.timeLimit(.minutes(1))) struct UndiciBehaviourTests {
    private func code(_ request: () async throws -> Response) async -> MTLSError.Code? {
        do {
            _ = try await request().body.text(upTo: .kibibytes(1))
            return nil
        } catch {
            return (error as? MTLSError)?.code
        }
    }

    private func single() -> ClientSettings {
        var settings = ClientSettings()
        settings.connectionLimit = 1
        return settings
    }

    @Test func aServerWithAnotherNameFailsEveryRequestInTheQueue() async throws {
        let world = try World()
        let server = try await MTLSServer(
            identity: world.authority.issue(.server(names: ["other.example"])), clients: .ignored)
        try await withClient(server.url, trust: world.trust, settings: single()) { client in
            let codes = await withTaskGroup(of: MTLSError.Code?.self) { group in
                for _ in 0..<20 { group.addTask { await code { try await client.get() } } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(codes == Array(repeating: .nameMismatch, count: 20))
        }
        #expect(server.requests.isEmpty)
    }

    @Test func serversAreReachedByNameAndByAddress() async throws {
        let world = try World()
        let server = try await world.server(.required)
        for host in ["localhost", "127.0.0.1"] {
            try await withClient(
                "https://\(host):\(server.port)", identity: try world.identity("alice"), trust: world.trust
            ) { client in
                let text = try await client.get().body.text(upTo: .kibibytes(1))
                #expect(text == "CN=alice")
            }
        }
    }

    /// Fails so many times, then connects.
    private struct Failing: Connector {
        struct Broken: Error {}
        let inner: any Connector
        let attempts = Tally()
        let failures: Int

        func connect(to endpoint: Endpoint, context: ConnectContext) async throws -> Connection {
            attempts.add()
            if attempts.value <= failures { throw Broken() }
            return try await inner.connect(to: endpoint, context: context)
        }
    }

    @Test func aConnectorThatThrowsFailsEachRequestAndTheClientRecovers() async throws {
        let server = try await RawServer { peer in
            while try await peer.readHead() != nil {
                try await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            }
        }
        let connector = Failing(inner: TCPConnector(), failures: 2)
        let client = try Client(server.url, connector: connector, settings: single())
        for _ in 0..<2 { #expect(await code { try await client.get() } == .connectFailed) }
        #expect(await code { try await client.get() } == nil)
        #expect(connector.attempts.value == 3)
        await client.shutdown()
    }

    @Test func hundredsOfRefusedServersLeaveNothing() async throws {
        let (world, strangers) = (try World(), try World())
        let server = try await strangers.server(.ignored)
        try await withClient(server.url, trust: world.trust) { client in
            await withDiscardingTaskGroup { group in
                for _ in 0..<8 {
                    group.addTask {
                        for _ in 0..<50 { #expect(await code { try await client.get() } == .issuerUnknown) }
                    }
                }
            }
        }
        await server.handshakeErrors(atLeast: server.connectionCount)
        #expect(server.requests.isEmpty)
    }

    @Test func theReplacementOfAConnectionThatWasUsedUpIsKept() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { request in
            let isLast = request.connection == 1 && request.number == 2
            return .raw(
                "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nKeep-Alive: timeout=60, max=\(isLast ? 1 : 9)\r\n\r\n",
                then: .keepAlive)
        }
        try await withClient(server.url, trust: world.trust, settings: single()) { client in
            var ids: [Int] = []
            for _ in 0..<6 { ids.append(try await client.get().connection.id) }
            #expect(ids == [1, 1, 2, 2, 2, 2])
        }
    }

    @Test func aConnectionServesAtMostSoManyRequests() async throws {
        let world = try World()
        let server = try await world.server(.ignored)
        var settings = single()
        settings.maximumRequestsPerConnection = 2
        try await withClient(server.url, trust: world.trust, settings: settings) { client in
            var counts: [Int] = []
            for _ in 0..<5 { counts.append(try await client.get().connection.requestCount) }
            #expect(counts == [1, 2, 1, 2, 1])
        }
    }
}

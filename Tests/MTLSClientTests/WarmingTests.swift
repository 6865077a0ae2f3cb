import DevPKI
import MTLSClient
import MTLSTestKit
import Testing

@Suite struct WarmingTests {
    @Test func connectionsAreThereBeforeTheFirstRequest() async throws {
        let world = try World()
        let server = try await world.server(.required)
        let client = try Client(server.url, identity: try world.identity("alice"), trust: world.trust)
        #expect(try await client.warm(3) == 3)
        #expect(try await client.warm(2) == 3)
        #expect(server.connectionCount == 3)
        let statistics = await client.statistics
        #expect(statistics.idle == 3)
        #expect(statistics.signatures == statistics.fullHandshakes)
        #expect(statistics.fullHandshakes + statistics.resumedHandshakes == 3)
        let response = try await client.get()
        #expect(response.connection.requestCount == 1)
        #expect(server.connectionCount == 3)
        await client.shutdown()
    }

    @Test func theFirstFailureIsThrown() async throws {
        let world = try World()
        let server = try await world.server(.ignored)
        let client = try Client(server.url, trust: .certificates([try World().authority.root]))
        await #expect { try await client.warm(2) } throws: { ($0 as? MTLSError)?.code == .issuerUnknown }
        #expect(await client.statistics.failedConnections == 2)
        await client.shutdown()
    }

    @Test func aClientThatIsShutDownWarmsNothing() async throws {
        let client = try Client("https://example.com")
        await client.shutdown()
        await #expect { try await client.warm(1) } throws: { ($0 as? MTLSError)?.code == .clientClosed }
    }

    @Test func theWaitCanBeCancelled() async throws {
        let hole = try BlackHole("127.0.0.77")
        let client = try Client("https://127.0.0.77:\(hole.port)")
        let task = Task { try await client.warm(1) }
        while await client.statistics.connecting == 0 { await Task.yield() }
        task.cancel()
        await #expect { try await task.value } throws: { ($0 as? MTLSError)?.code == .cancelled }
        await client.shutdown(graceful: false)
    }
}

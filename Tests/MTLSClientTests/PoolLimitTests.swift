import DevPKI
import MTLSClient
import MTLSTestKit
import Testing

/// The pool's limits, over real connections.
@Suite struct PoolLimitTests {
    private struct Refusing: Connector {
        struct Refusal: Error {}
        let attempts: Counter

        func connect(to endpoint: Endpoint, context: ConnectContext) async throws -> Connection {
            attempts.add()
            throw Refusal()
        }
    }

    @Test func aConnectorThatFailsForEverFailsEachRequestAndDoesNotLoop() async throws {
        let attempts = Counter()
        let client = try Client("https://example.com", connector: Refusing(attempts: attempts))
        await withTaskGroup { group in
            for _ in 1...50 {
                group.addTask {
                    await #expect { try await client.get() } throws: { ($0 as? MTLSError)?.code == .connectFailed }
                }
            }
        }
        #expect(attempts.value <= 50)
        let statistics = await client.statistics
        #expect(statistics.failedRequests == 50)
        #expect(statistics.failedConnections == attempts.value)
        #expect(statistics.connecting + statistics.pending == 0)
        await client.shutdown()
    }

    @Test func aFullQueueRefusesARequestAtOnce() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in .nothing(then: .keepAlive) }
        var settings = ClientSettings()
        (settings.connectionLimit, settings.queueLimit) = (1, 0)
        let client = try Client(server.url, trust: world.trust, settings: settings)
        let first = Task { try await client.get() }
        await server.requests(atLeast: 1)
        await #expect { try await client.get() } throws: { ($0 as? MTLSError)?.code == .queueFull }
        await client.shutdown(graceful: false)
        _ = await first.result
    }

    @Test(arguments: [2, 3])
    func aConnectionServesAsManyRequestsAsItMay(_ limit: Int) async throws {
        let world = try World()
        let server = try await world.server(.ignored)
        var settings = ClientSettings()
        settings.maximumRequestsPerConnection = limit
        let client = try Client(server.url, trust: world.trust, settings: settings)
        for number in 0..<limit * 2 {
            #expect(try await client.get().connection.id == 1 + number / limit)
        }
        await client.shutdown()
    }

    @Test func aConnectionBeyondItsAgeServesNobody() async throws {
        let world = try World()
        let server = try await world.server(.ignored)
        var settings = ClientSettings()
        settings.maximumConnectionAge = .nanoseconds(1)
        let client = try Client(server.url, trust: world.trust, settings: settings)
        for id in 1...2 { #expect(try await client.get().connection.id == id) }
        await client.shutdown()
    }

    @Test func anIdleTimeoutOfZeroKeepsNoConnection() async throws {
        let world = try World()
        let server = try await world.server(.ignored)
        var settings = ClientSettings()
        settings.idleTimeout = .zero
        let client = try Client(server.url, trust: world.trust, settings: settings)
        for id in 1...2 { #expect(try await client.get().connection.id == id) }
        await client.shutdown()
    }
}

import DevPKI
import MTLSClient
import MTLSTestKit
import Testing

@Suite struct AgentTests {
    private func quick(limit: Int? = nil) -> OriginSettings {
        OriginSettings(limit: limit, idleTimeout: .milliseconds(20))
    }

    @Test func anAgentKeepsAClientForEachOrigin() async throws {
        let world = try World()
        let server = try await world.server(.ignored)
        let agent = Agent(trust: world.trust)
        for path in ["/1", "/2"] { _ = try await agent.get("\(server.url)\(path)") }
        _ = try await agent.get("https://localhost:\(server.port)/3")
        #expect(agent.activeOrigins.count == 2)
        #expect(server.connectionCount == 2)
        let statistics = await agent.statistics
        #expect(statistics.requests == 3)
        #expect(statistics.idle == 2)
        #expect(statistics.fullHandshakes == 2)
        await agent.shutdown()
    }

    @Test func anOriginWithoutConnectionsIsDroppedAfterAWhile() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in .response(then: .close) }
        let agent = Agent(trust: world.trust, origins: quick())
        _ = try await agent.get(server.url)
        while !agent.activeOrigins.isEmpty { await Task.yield() }
        #expect(try await agent.get(server.url).status == .ok)
        await agent.shutdown()
    }

    @Test func anOriginWithAConnectionIsNotDropped() async throws {
        let world = try World()
        let server = try await world.server(.ignored)
        var settings = ClientSettings()
        settings.idleTimeout = .seconds(600)
        let agent = Agent(trust: world.trust, settings: settings, origins: OriginSettings(idleTimeout: .zero))
        _ = try await agent.get(server.url)
        let client = try agent.client(for: server.url)
        // Each question is answered by the loop on which an end would be noticed.
        for _ in 1...100 { #expect(await client.statistics.idle == 1) }
        #expect(try agent.client(for: server.url) === client)
        await agent.shutdown()
    }

    @Test func aClientThatSomebodyHoldsStaysTheOriginsClient() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in .response(then: .close) }
        let agent = Agent(trust: world.trust, origins: OriginSettings(idleTimeout: .zero))
        let client = try agent.client(for: server.url)
        _ = try await client.get()
        while await client.statistics.connected > 0 { await Task.yield() }
        for _ in 1...100 { _ = await client.statistics }
        #expect(try agent.client(for: server.url) === client)
        await agent.shutdown()
        await #expect { try await client.get() } throws: { ($0 as? MTLSError)?.code == .clientClosed }
    }

    @Test func noMoreOriginsAreServedThanTheLimit() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in .response(then: .close) }
        let agent = Agent(trust: world.trust, origins: quick(limit: 1))
        let client = try agent.client(for: server.url)
        let other = "https://localhost:\(server.port)"
        await #expect { try await agent.get(other) } throws: { ($0 as? MTLSError)?.code == .originLimit }
        #expect(try await client.get().status == .ok)
        await agent.shutdown()
    }

    @Test func aDroppedOriginMakesRoomForAnother() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in .response(then: .close) }
        let agent = Agent(trust: world.trust, origins: quick(limit: 1))
        _ = try await agent.get(server.url)
        while !agent.activeOrigins.isEmpty { await Task.yield() }
        #expect(try await agent.get("https://localhost:\(server.port)").status == .ok)
        await agent.shutdown()
    }

    @Test func aTaskHasTheAgentThatItWasGiven() async throws {
        let world = try World()
        let server = try await world.server(.required)
        let agent = Agent(identity: try world.identity("alice"), trust: world.trust)
        let text = try await MTLS.$agent.withValue(agent) {
            async let first = MTLS.get(server.url)
            return try await first.body.text(upTo: .kibibytes(1))
        }
        #expect(text == "CN=alice")
        await agent.shutdown()
    }

    /// The one test that touches what the process has only once.
    @Test func theDefaultAgentIsMadeOnceAndCanBeReplaced() async throws {
        let world = try World()
        let server = try await world.server(.required)
        let first = MTLS.defaultAgent
        #expect(MTLS.defaultAgent === first)
        let agent = Agent(identity: try world.identity("alice"), trust: world.trust)
        #expect(MTLS.setDefaultAgent(agent) === first)
        #expect(try await MTLS.post(server.url, body: .text("x")).status == .ok)
        MTLS.setDefaultAgent(first)
        await agent.shutdown()
    }

    @Test func anAgentLivesForTheTimeOfItsScope() async throws {
        let world = try World()
        let server = try await world.server(.ignored)
        let agent = try await withAgent(trust: world.trust) { agent in
            let status = try await agent.get(server.url).status
            #expect(status == .ok)
            return agent
        }
        await #expect { try await agent.get(server.url) } throws: { ($0 as? MTLSError)?.code == .clientClosed }
    }
}

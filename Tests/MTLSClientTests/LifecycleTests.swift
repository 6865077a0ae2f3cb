import DevPKI
import Logging
import MTLSClient
import MTLSTestKit
import ServiceLifecycle
import Testing

@Suite struct LifecycleTests {
    private let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    @Test func aGracefulShutdownWaitsForARequestNoLongerThanItsLimit() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in .nothing(then: .keepAlive) }
        let client = try Client(server.url, trust: world.trust)
        let task = Task { try await client.get() }
        await server.requests(atLeast: 1)
        await client.shutdown(within: .milliseconds(20))
        await #expect { try await task.value } throws: { ($0 as? MTLSError)?.code == .clientClosed }
        #expect(await client.statistics.connected == 0)
    }

    @Test func theLimitOfAShutdownIsNotWaitedForInVain() async throws {
        let world = try World()
        let server = try await world.server(.ignored)
        let agent = Agent(trust: world.trust)
        _ = try await agent.get(server.url)
        await agent.shutdown(within: .seconds(3600))
    }

    @Test(arguments: [true, false])
    func aServiceEndsWithItsGroupAndServesTheRequestsUnderWay(_ isAgent: Bool) async throws {
        let world = try World()
        let mayAnswer = Gate()
        let server = try await world.server(.ignored) { _ in
            await mayAnswer.wait()
            return .response()
        }
        let client = try Client(server.url, trust: world.trust)
        let agent = Agent(trust: world.trust)
        let service: any Service = isAgent ? agent : client
        let group = ServiceGroup(services: [service], logger: quiet)
        async let ending: Void = group.run()
        let url = server.url
        let request = Task { try await isAgent ? agent.get(url) : client.get() }
        await server.requests(atLeast: 1)
        await group.triggerGracefulShutdown()
        mayAnswer.open()
        #expect(try await request.value.status == .ok)
        try await ending
        await #expect { try await isAgent ? agent.get(url) : client.get() } throws: {
            ($0 as? MTLSError)?.code == .clientClosed
        }
    }

    @Test func aServiceWhoseTaskIsCancelledCutsOffWhatIsUnderWay() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in .nothing(then: .keepAlive) }
        let client = try Client(server.url, trust: world.trust)
        let group = ServiceGroup(services: [client], logger: quiet)
        let service = Task { try await group.run() }
        let request = Task { try await client.get() }
        await server.requests(atLeast: 1)
        service.cancel()
        await #expect { try await request.value } throws: { ($0 as? MTLSError)?.code == .clientClosed }
        _ = await service.result
    }

    @Test func theBodyOutlivesAForgottenClient() async throws {
        let world = try World()
        let sent = [UInt8](repeating: 0x5A, count: 5 << 20)
        let server = try await world.server(.ignored) { _ in .response(bytes: sent) }
        var client: Client? = try Client(server.url, trust: world.trust)
        weak let forgotten = client
        let response = try #require(try await client?.get())
        client = nil
        #expect(forgotten == nil)
        #expect(try await response.body.collect(upTo: .mebibytes(8)).count == sent.count)
    }

    @Test func aForgottenShutdownNeitherTrapsNorKeepsTheProcess() async throws {
        await #expect(processExitsWith: .success) {
            let world = try World()
            let server = try await world.server(.ignored) { request in
                request.path == "/hang" ? .nothing(then: .keepAlive) : .response()
            }
            let client = try Client(server.url, trust: world.trust)
            _ = try await client.get()
            _ = Task { try await client.get("/hang") }
            await server.requests(atLeast: 2)
        }
    }
}

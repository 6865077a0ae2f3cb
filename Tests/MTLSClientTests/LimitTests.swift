import DevPKI
import MTLSClient
import MTLSTestKit
import NIOCore
import NIOPosix
import Testing

/// Limits of time, and requests that are given up.
@Suite struct LimitTests {
    private func code(of body: () async throws -> Void) async -> MTLSError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? MTLSError)?.code
        }
    }

    /// Accepts connections and says nothing.
    private func silentServer() async throws -> any Channel {
        try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { $0.eventLoop.makeSucceededVoidFuture() }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    private func settings(_ change: (inout Timeouts) -> Void) -> ClientSettings {
        var settings = ClientSettings()
        change(&settings.timeouts)
        return settings
    }

    @Test func aHandshakeThatDoesNotEndIsATimeout() async throws {
        let server = try await silentServer()
        let client = try Client(
            "https://127.0.0.1:\(server.localAddress?.port ?? 0)", trust: .certificates([try World().authority.root]),
            settings: settings { $0.handshake = .milliseconds(50) })
        #expect(await code { _ = try await client.get() } == .timeoutHandshake)
        await client.shutdown()
        try await server.close()
    }

    @Test func aResponseThatDoesNotComeIsATimeout() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in .nothing(then: .keepAlive) }
        let client = try Client(
            server.url, trust: world.trust, settings: settings { $0.responseHead = .milliseconds(50) })
        #expect(await code { _ = try await client.get() } == .timeoutResponseHead)
        await client.shutdown()
    }

    @Test func aBodyThatStallsIsATimeout() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in
            .raw("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", then: .keepAlive)
        }
        let client = try Client(server.url, trust: world.trust, settings: settings { $0.bodyChunk = .milliseconds(50) })
        #expect(await code { _ = try await client.get().body.collect(upTo: .kibibytes(1)) } == .timeoutBody)
        await client.shutdown()
    }

    @Test func aRequestAsAWholeHasALimitOfItsOwn() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in .nothing(then: .keepAlive) }
        let client = try Client(server.url, trust: world.trust)
        #expect(
            await code {
                _ = try await client.execute(
                    .init(method: .get, scheme: nil, authority: nil, path: "/"),
                    timeouts: Timeouts(request: .milliseconds(50)))
            }
                == .timeoutRequest)
        await client.shutdown()
    }

    @Test func waitingForAConnectionHasALimit() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in .nothing(then: .keepAlive) }
        var settings = settings { $0.wait = .milliseconds(50) }
        settings.connectionLimit = 1
        let client = try Client(server.url, trust: world.trust, settings: settings)
        let first = Task { try await client.get() }
        await server.requests(atLeast: 1)
        #expect(await code { _ = try await client.get() } == .timeoutWait)
        first.cancel()
        await client.shutdown(graceful: false)
    }

    @Test func aRequestThatIsCancelledWhileItWaitsForTheResponseReturnsAndClosesItsConnection() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { request in
            request.path == "/hang" ? .nothing(then: .keepAlive) : .response()
        }
        let client = try Client(server.url, trust: world.trust)
        let task = Task { try await client.get("/hang") }
        await server.requests(atLeast: 1)
        task.cancel()
        #expect(await code { _ = try await task.value } == .cancelled)
        #expect(try await client.get().connection.id == 2)
        await client.shutdown()
    }

    @Test func aRequestThatWasCancelledBeforeItBeganIsNotSent() async throws {
        let world = try World()
        let server = try await world.server(.ignored)
        let client = try Client(server.url, trust: world.trust)
        let task = Task {
            while !Task.isCancelled { await Task.yield() }
            return try await client.get()
        }
        task.cancel()
        #expect(await code { _ = try await task.value } == .cancelled)
        #expect(server.requests.isEmpty)
        await client.shutdown()
    }

    @Test func readingABodyCanBeCancelled() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in
            .raw("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", then: .keepAlive)
        }
        let client = try Client(server.url, trust: world.trust)
        let task = Task { try await client.get().body.collect(upTo: .kibibytes(1)) }
        await server.requests(atLeast: 1)
        task.cancel()
        #expect(await code { _ = try await task.value } == .cancelled)
        await client.shutdown()
    }
}

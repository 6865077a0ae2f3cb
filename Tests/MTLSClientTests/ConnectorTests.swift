import DevPKI
import MTLSClient
import MTLSTestKit
import NIOCore
import NIOPosix
import Testing

@Suite struct ConnectorTests {
    private struct Broken: Error {}

    private struct Throwing: Connector {
        func connect(to endpoint: Endpoint, context: ConnectContext) async throws -> Connection { throw Broken() }
    }

    private struct Hanging: Connector {
        func connect(to endpoint: Endpoint, context: ConnectContext) async throws -> Connection {
            try await Task.sleep(for: .seconds(3600))
            throw Broken()
        }
    }

    @Test func whatAConnectorThrowsReachesTheRequest() async throws {
        let client = try Client("https://example.com", connector: Throwing())
        await #expect { try await client.get() } throws: { error in
            (error as? MTLSError)?.code == .connectFailed && (error as? MTLSError)?.underlying is Broken
        }
        await client.shutdown()
    }

    @Test func aConnectionWithoutTLSIsRefusedForAnHTTPSOrigin() async throws {
        let world = try World()
        let server = try await world.server(.ignored)
        let client = try Client(server.url, connector: TCPConnector())
        await #expect { try await client.get() } throws: { ($0 as? MTLSError)?.code == .connectionInsecure }
        #expect(server.requests.isEmpty)
        await client.shutdown()
    }

    @Test func aRouteLeadsElsewhereAndChangesNeitherNameNorHost() async throws {
        let world = try World()
        let authority = world.authority
        let server = try await MTLSServer(
            identity: authority.issue(.server(names: ["api.example"])), clients: .ignored)
        let port = server.port
        let client = try Client(
            "https://api.example",
            connector: TLSConnector(
                trust: world.trust, over: TCPConnector { _ in Endpoint("127.0.0.1", port) }))
        #expect(try await client.get().status == .ok)
        #expect(server.requests.first?.headerFields[.init("Host")!] == "api.example")
        #expect(server.requests.first?.client.serverName == "api.example")
        await client.shutdown()
    }

    @Test func aRequestThatIsCancelledWhileItsConnectorHangsReturns() async throws {
        let client = try Client("https://example.com", connector: Hanging())
        let task = Task { try await client.get() }
        task.cancel()
        await #expect { try await task.value } throws: { ($0 as? MTLSError)?.code == .cancelled }
        await client.shutdown(graceful: false)
    }

    /// Answers when it is released, and does not notice that it was cancelled.
    private struct Deaf: Connector {
        let began: AsyncStream<Void>.Continuation
        let release: AsyncStream<Void>

        func connect(to endpoint: Endpoint, context: ConnectContext) async throws -> Connection {
            began.yield()
            await Task.detached { [release] in for await _ in release {} }.value
            throw Broken()
        }
    }

    @Test func aConnectorThatHangsIsGivenUpAndEachRequestGetsTheError() async throws {
        let (beginnings, began) = AsyncStream.makeStream(of: Void.self)
        let (release, released) = AsyncStream.makeStream(of: Void.self)
        defer { released.finish() }
        var settings = ClientSettings()
        let limit = Duration.milliseconds(20)
        settings.timeouts = Timeouts(wait: nil, connect: limit, handshake: limit, signature: limit)
        settings.connectionLimit = 1
        let client = try Client(
            "https://example.com", connector: Deaf(began: began, release: release), settings: settings)
        await withTaskGroup(of: Void.self) { group in
            for _ in 1...3 {
                group.addTask {
                    await #expect { try await client.get() } throws: { ($0 as? MTLSError)?.code == .timeoutConnect }
                }
            }
        }
        began.finish()
        var attempts = 0
        for await _ in beginnings { attempts += 1 }
        #expect(attempts <= 3)
        await client.shutdown()
    }

    /// Returns what it was given.
    private struct Returning: Connector {
        let make: @Sendable (Endpoint, ConnectContext) async throws -> Connection

        func connect(to endpoint: Endpoint, context: ConnectContext) async throws -> Connection {
            try await make(endpoint, context)
        }
    }

    @Test func aClosedChannelIsAnErrorAndNotALoop() async throws {
        let server = try await PlainServer("")
        let attempts = Counter()
        let client = try Client(
            server.url,
            connector: Returning { endpoint, context in
                attempts.add()
                let connection = try await TCPConnector().connect(to: endpoint, context: context)
                try await connection.channel.close()
                return connection
            })
        await #expect { try await client.get() } throws: { ($0 as? MTLSError)?.code == .connectionLost }
        #expect(attempts.value == 1)
        await client.shutdown()
    }

    @Test func aChannelOfAnotherLoopIsAnError() async throws {
        let server = try await PlainServer("")
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let client = try Client(
            server.url,
            connector: Returning { endpoint, context in
                Connection(
                    channel: try await ClientBootstrap(group: group).connect(host: endpoint.host, port: endpoint.port)
                        .get())
            })
        await #expect { try await client.get() } throws: { ($0 as? MTLSError)?.message.contains("eventLoop") == true }
        await client.shutdown()
        try await group.shutdownGracefully()
    }

    @Test func aShutdownAtOnceWaitsForNoConnector() async throws {
        let (beginnings, began) = AsyncStream.makeStream(of: Void.self)
        let (release, released) = AsyncStream.makeStream(of: Void.self)
        defer { released.finish() }
        let client = try Client("https://example.com", connector: Deaf(began: began, release: release))
        let task = Task { try await client.get() }
        for await _ in beginnings { break }
        await client.shutdown(graceful: false)
        await #expect { try await task.value } throws: { ($0 as? MTLSError)?.code == .clientClosed }
    }

    @Test func aShutdownAtOnceFailsTheRequestsThatRun() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in .nothing(then: .keepAlive) }
        let client = try Client(server.url, trust: world.trust)
        let task = Task { try await client.get() }
        await server.requests(atLeast: 1)
        await client.shutdown(graceful: false)
        await #expect { try await task.value } throws: { ($0 as? MTLSError)?.code == .clientClosed }
    }

    @Test func anIdentityIsChosenByHost() async throws {
        let world = try World()
        let server = try await world.server(.requested)
        let rules = Identity.perHost(["127.0.0.1": try world.identity("alice"), "*.example": try world.identity("bob")])
        let agent = Agent(identity: rules, trust: world.trust)
        #expect(try await agent.get("\(server.url)/x").body.text(upTo: .kibibytes(1)) == "CN=alice")
        #expect(try await agent.get("https://localhost:\(server.port)/x").body.text(upTo: .kibibytes(1)) == "nobody")
        await agent.shutdown()
    }
}

import DevPKI
import MTLSClient
import MTLSTestKit
import NIOCore
import NIOPosix
import Synchronization
import Testing

import struct Glibc.linger

/// Servers that cannot cope with a session that they gave.
@Suite struct BrokenResumptionTests {
    /// Answers the first bytes with a fatal alert, handshake_failure, and closes.
    private final class Refusal: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: [21, 3, 3, 0, 2, 2, 40])), promise: nil)
            context.close(promise: nil)
        }
    }

    /// Resets the connection at the first bytes.
    private final class Reset: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let linger = linger(l_onoff: 1, l_linger: 0)
            _ = (context.channel as? any SocketOptionProvider)?.setSoLinger(linger)
            context.close(promise: nil)
        }
    }

    private static func refusingServer(resets: Bool = false) async throws -> any Channel {
        try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(resets ? Reset() : Refusal())
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    /// Leads each connection to the next port.
    private final class Ports: Sendable {
        private let rest: Mutex<[Int]>
        init(_ ports: [Int]) { rest = Mutex(ports) }
        func next() -> Int { rest.withLock { $0.isEmpty ? 1 : $0.removeFirst() } }
        var count: Int { rest.withLock { $0.count } }
    }

    private func agent(_ world: World, _ ports: Ports) throws -> Agent {
        Agent(
            connector: TLSConnector(
                identity: try world.identity("alice"), trust: world.trust,
                over: TCPConnector { _ in Endpoint("127.0.0.1", ports.next()) }))
    }

    @Test func aHandshakeThatIsBrokenOffOverASessionIsMadeInFull() async throws {
        let world = try World()
        let server = try await world.server(.required, resumes: true) { _ in .response(then: .close) }
        let refusing = try await Self.refusingServer()
        let ports = Ports([server.port, try #require(refusing.localAddress?.port), server.port])
        let agent = try agent(world, ports)
        for _ in 1...2 {
            let response = try await agent.get("https://localhost")
            #expect(response.connection.handshake?.isResumed == false)
        }
        #expect(ports.count == 0)
        await agent.shutdown()
        try await refusing.close()
    }

    @Test(arguments: [TLSVersion.v1_2, .v1_3])
    func aServerThatHasLearnedTLS13IsSpokenToInTLS13(_ minimum: TLSVersion) async throws {
        let world = try World()
        let old = try await world.server(.required, versions: .v1_2 ... .v1_2, resumes: true) { _ in
            .response(then: .close)
        }
        let new = try await world.server(.required, versions: minimum ... .v1_3, resumes: true) { _ in
            .response(then: .close)
        }
        let ports = Ports([old.port, old.port, new.port, new.port])
        let agent = try agent(world, ports)
        var handshakes: [HandshakeSummary?] = []
        for _ in 1...3 { handshakes.append(try await agent.get("https://localhost").connection.handshake) }
        #expect(handshakes.map { $0?.version } == [.v1_2, .v1_2, .v1_3])
        #expect(handshakes.map { $0?.isResumed } == [false, true, false])
        #expect(ports.count == 0)
        await agent.shutdown()
    }

    @Test(arguments: TLSVersion.allCases)
    func aServerThatForgetsItsSessionsIsServed(_ version: TLSVersion) async throws {
        let world = try World()
        var servers: [MTLSServer] = []
        for _ in 1...2 {
            servers.append(
                try await world.server(.required, versions: version...version, resumes: true) { _ in
                    .response(then: .close)
                })
        }
        // The third handshake offers a session alone where there is one of TLS 1.2: then it takes two connections.
        let (first, second) = (servers[0].port, servers[1].port)
        let ports = Ports([first, first, second, second, second])
        let agent = try agent(world, ports)
        var resumed: [Bool?] = []
        for _ in 1...(version == .v1_2 ? 4 : 5) {
            resumed.append(try await agent.get("https://localhost").connection.handshake?.isResumed)
        }
        #expect(resumed.prefix(4) == [false, true, false, true])
        #expect(ports.count == 0)
        await agent.shutdown()
    }

    /// Some reset connections whose hello they do not like.
    @Test func aServerThatResetsOverTheVersionOfASessionIsConnectedToOnceMore() async throws {
        let world = try World()
        let server = try await world.server(.required, versions: .v1_2 ... .v1_2, resumes: true) { _ in
            .response(then: .close)
        }
        let resetting = try await Self.refusingServer(resets: true)
        let ports = Ports([server.port, server.port, try #require(resetting.localAddress?.port), server.port])
        let agent = try agent(world, ports)
        var resumed: [Bool?] = []
        for _ in 1...3 { resumed.append(try await agent.get("https://localhost").connection.handshake?.isResumed) }
        #expect(resumed == [false, true, false])
        #expect(ports.count == 0)
        await agent.shutdown()
        try await resetting.close()
    }

    @Test func aFullHandshakeThatIsBrokenOffIsNotMadeAgain() async throws {
        let world = try World()
        let refusing = try await Self.refusingServer()
        let port = try #require(refusing.localAddress?.port)
        let ports = Ports([port, port])
        let agent = try agent(world, ports)
        await #expect { try await agent.get("https://localhost") } throws: {
            ($0 as? MTLSError)?.code == .handshakeFailed
        }
        #expect(ports.count == 1)
        await agent.shutdown()
        try await refusing.close()
    }

    @Test func aSessionIsPutBackWhenNoConnectionIsMade() async throws {
        let world = try World()
        let server = try await world.server(.required, versions: .v1_3 ... .v1_3, resumes: true) { _ in
            .response(then: .close)
        }
        // Two tickets; nobody listens on port 1.
        let ports = Ports([server.port, 1, 1, 1, server.port])
        let agent = try agent(world, ports)
        _ = try await agent.get("https://localhost")
        for _ in 1...3 {
            await #expect { try await agent.get("https://localhost") } throws: {
                ($0 as? MTLSError)?.code == .connectFailed
            }
        }
        #expect(try await agent.get("https://localhost").connection.handshake?.isResumed == true)
        await agent.shutdown()
    }
}

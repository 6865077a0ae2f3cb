import GnuTLS
import GnuTLSNIO
import MTLSCore
import NIOCore
import NIOPosix
import NIOTLS
import Synchronization
import Testing

import class Dispatch.DispatchSemaphore

/// The handler on real sockets, with threads.
struct LoopbackTests {
    /// Echoes what it reads.
    final class Echo: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.writeAndFlush(data, promise: nil) }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }

    /// Completes a promise when so many bytes have come, or the connection ends.
    final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let expected: Int
        private let promise: EventLoopPromise<ByteBuffer>
        private var received = ByteBuffer()

        init(_ expected: Int, _ promise: EventLoopPromise<ByteBuffer>) {
            self.expected = expected
            self.promise = promise
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var buffer = unwrapInboundIn(data)
            received.writeBuffer(&buffer)
            if received.readableBytes >= expected { promise.succeed(received) }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { promise.fail(error) }
        func channelInactive(context: ChannelHandlerContext) { promise.fail(ChannelError.eof) }
    }

    struct Connected {
        let channel: any Channel
        let handshake: EventLoopFuture<HandshakeSummary>
        let received: EventLoopFuture<ByteBuffer>
    }

    private let loop = MultiThreadedEventLoopGroup.singleton.next()

    private func listen(_ version: TLSVersion, _ demand: ClientCertificateDemand) async throws -> any Channel {
        try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let completion = channel.eventLoop.makePromise(of: HandshakeSummary.self)
                    let configuration = try Setup(version: version, demand: demand).server()
                    try channel.pipeline.syncOperations.addHandlers([
                        GnuTLSHandler(configuration: configuration, completion: completion), Echo(),
                    ])
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    private func connect(
        to server: any Channel, _ version: TLSVersion, key: CertifiedKey?, expecting count: Int = .max
    ) async throws -> Connected {
        let handshake = loop.makePromise(of: HandshakeSummary.self)
        let received = loop.makePromise(of: ByteBuffer.self)
        let address = try #require(server.localAddress)
        let channel = try await ClientBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let configuration = try Setup(version: version, clientKey: key).client()
                    try channel.pipeline.syncOperations.addHandlers([
                        GnuTLSHandler(configuration: configuration, completion: handshake),
                        Collector(count, received),
                    ])
                }
            }
            .connect(to: address).get()
        return Connected(channel: channel, handshake: handshake.futureResult, received: received.futureResult)
    }

    @Test(arguments: TLSVersion.allCases)
    func aMegabyteIsEchoedByAKeyOnALane(_ version: TLSVersion) async throws {
        let world = try World.shared()
        let signer = TestSigner(world.clientKey, on: ThreadLane())
        let server = try await listen(version, .required)
        let data = ByteBuffer(bytes: (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 13) })
        let connected = try await connect(
            to: server, version, key: world.external(signer), expecting: data.readableBytes)
        let summary = try await connected.handshake.get()
        #expect(summary.isKeyExternal && summary.signatureDuration > .zero)
        try await connected.channel.writeAndFlush(data)
        #expect(try await connected.received.get() == data)
        #expect(signer.signatures == 1)
        try await connected.channel.close().get()
        try await server.close().get()
    }

    @Test func aSlowSignatureDelaysNoOtherConnectionOnTheLoop() async throws {
        let world = try World.shared()
        let gate = DispatchSemaphore(value: 0)
        let signer = TestSigner(world.clientKey, on: ThreadLane()) { gate.wait() }
        let server = try await listen(.v1_3, .required)
        let slow = try await connect(to: server, .v1_3, key: world.external(signer), expecting: 4)
        let written = loop.makePromise(of: Void.self)
        slow.channel.writeAndFlush(ByteBuffer(string: "slow"), promise: written)

        let quick = try await connect(to: server, .v1_3, key: world.client, expecting: 5)
        try await quick.channel.writeAndFlush(ByteBuffer(string: "quick"))
        #expect(try await quick.received.get() == ByteBuffer(string: "quick"))

        gate.signal()
        try await written.futureResult.get()
        #expect(try await slow.received.get() == ByteBuffer(string: "slow"))
        for channel in [slow.channel, quick.channel, server] { try await channel.close().get() }
    }

    @Test(arguments: TLSVersion.allCases)
    func aConnectionMayCloseWhileItsKeySigns(_ version: TLSVersion) async throws {
        let world = try World.shared()
        let lane = ThreadLane()
        let gate = DispatchSemaphore(value: 0)
        let server = try await listen(version, .required)
        let began = loop.makePromise(of: Void.self)
        let signer = TestSigner(world.clientKey, on: lane) {
            began.succeed()
            gate.wait()
        }
        let connected = try await connect(to: server, version, key: world.external(signer))
        try await began.futureResult.get()
        try await connected.channel.close().get()
        await #expect(throws: ChannelError.self) { try await connected.handshake.get() }
        gate.signal()
        // The lane's next job begins when the step has returned, and the loop's next turn after what it left there.
        let idle = loop.makePromise(of: Void.self)
        _ = try lane.submit { idle.succeed() }
        try await idle.futureResult.get()
        try await server.close().get()
        #expect(signer.signatures == 1)
    }

    @Test func aServerThatCutsTheHandshakeFailsItAtOnce() async throws {
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in channel.close() }
            .bind(host: "127.0.0.1", port: 0).get()
        let connected = try await connect(to: server, .v1_3, key: nil)
        await #expect(throws: MTLSError.self) { try await connected.handshake.get() }
        try await connected.channel.closeFuture.get()
        try await server.close().get()
    }

    @Test func aRejectionUnderTLS13IsReadOffTheSocket() async throws {
        let server = try await listen(.v1_3, .required)
        let connected = try await connect(to: server, .v1_3, key: nil)
        _ = try await connected.handshake.get()
        let error = await #expect(throws: MTLSError.self) { try await connected.received.get() }
        #expect(error?.code == .clientCertificateRequired)
        try await server.close().get()
    }

    @Test func manyHandshakesAtOnceEndWell() async throws {
        let world = try World.shared()
        let lane = ThreadLane()
        let server = try await listen(.v1_3, .required)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<32 {
                group.addTask {
                    let key = try world.external(TestSigner(world.clientKey, on: lane))
                    let text = ByteBuffer(string: "connection \(number)")
                    let connected = try await connect(to: server, .v1_3, key: key, expecting: text.readableBytes)
                    try await connected.channel.writeAndFlush(text)
                    #expect(try await connected.received.get() == text)
                    try await connected.channel.close().get()
                }
            }
            try await group.waitForAll()
        }
        try await server.close().get()
    }
}

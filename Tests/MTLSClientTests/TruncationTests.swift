import DevPKI
import MTLSClient
import MTLSTestKit
import NIOCore
import NIOPosix
import Testing

/// Connections that a relay cuts after so many bytes of the server's.
struct TruncationTests {
    /// Carries bytes between a client and a server, and closes both when the server has said `limit` bytes.
    struct Relay {
        let channel: any Channel

        init(to port: Int, limit: Int?, heard: @escaping @Sendable (Int) -> Void = { _ in }) async throws {
            channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton.next())
                .childChannelOption(.autoRead, value: false)
                .childChannelInitializer { downstream in
                    let loop = NIOLoopBound(downstream, eventLoop: downstream.eventLoop)
                    return ClientBootstrap(group: downstream.eventLoop)
                        .channelInitializer { upstream in
                            upstream.eventLoop.makeCompletedFuture {
                                try upstream.pipeline.syncOperations.addHandler(
                                    Pipe(to: loop.value, limit: limit, heard: heard))
                            }
                        }
                        .connect(host: "127.0.0.1", port: port)
                        .assumeIsolated()
                        .flatMapThrowing { upstream in
                            try loop.value.pipeline.syncOperations.addHandler(Pipe(to: upstream, limit: nil) { _ in })
                            loop.value.setOption(.autoRead, value: true).whenComplete { _ in }
                        }
                        .nonisolated()
                }
                .bind(host: "127.0.0.1", port: 0).get()
        }

        var url: String { "https://127.0.0.1:\(channel.localAddress?.port ?? 0)" }
    }

    private final class Pipe: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let peer: any Channel
        private let limit: Int?
        private let heard: @Sendable (Int) -> Void
        private var count = 0

        init(to peer: any Channel, limit: Int?, heard: @escaping @Sendable (Int) -> Void) {
            self.peer = peer
            self.limit = limit
            self.heard = heard
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var buffer = unwrapInboundIn(data)
            let room = limit.map { max(0, $0 - count) } ?? .max
            count += buffer.readableBytes
            heard(count)
            if let part = buffer.readSlice(length: min(room, buffer.readableBytes)), part.readableBytes > 0 {
                peer.writeAndFlush(part, promise: nil)
            }
            if let limit, count >= limit {
                context.close(promise: nil)
            }
        }

        func channelInactive(context: ChannelHandlerContext) { peer.close(promise: nil) }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }

    private func client(_ world: World, _ url: String, _ version: TLSVersion) throws -> Client {
        try Client(url, trust: world.trust, tls: TLSSettings(minimumVersion: version, maximumVersion: version))
    }

    /// What came of one request through a relay that cuts after `limit` bytes.
    private func ask(_ world: World, _ port: Int, _ version: TLSVersion, cutAfter limit: Int) async throws
        -> Result<String, MTLSError>
    {
        let relay = try await Relay(to: port, limit: limit)
        let client = try client(world, relay.url, version)
        var outcome: Result<String, MTLSError>
        do {
            outcome = .success(try await client.get().body.text(upTo: .kibibytes(1)))
        } catch let error as MTLSError {
            outcome = .failure(error)
        }
        await client.shutdown()
        try await relay.channel.close().get()
        return outcome
    }

    /// What the server says in one exchange, in bytes, and where the answer to the request begins.
    private func measure(_ world: World, _ port: Int, _ version: TLSVersion) async throws -> Int {
        let (counts, told) = AsyncStream.makeStream(of: Int.self)
        let relay = try await Relay(to: port, limit: nil) { told.yield($0) }
        let client = try client(world, relay.url, version)
        _ = try await client.get().body.text(upTo: .kibibytes(1))
        await client.shutdown()
        try await relay.channel.close().get()
        told.finish()
        return await counts.reduce(0, max)
    }

    @Test(arguments: [TLSVersion.v1_2, .v1_3])
    func aBodyWithoutLengthIsNeverTakenForWholeWithoutCloseNotify(_ version: TLSVersion) async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in .raw("HTTP/1.1 200 OK\r\n\r\nall of it", then: .close) }
        let total = try await measure(world, server.port, version)
        // Signatures differ in length by a few bytes, so the last of these may be just behind the end.
        for limit in stride(from: total - 120, through: total - 8, by: 1) {
            let outcome = try await ask(world, server.port, version, cutAfter: limit)
            guard case .failure(let error) = outcome else {
                Issue.record("cut after \(limit) of \(total) bytes: \(outcome)")
                return
            }
            #expect(
                [.responseTruncated, .responseEmpty, .connectionLost, .handshakeFailed].contains(error.code), "\(error)"
            )
        }
    }

    @Test(arguments: [TLSVersion.v1_2, .v1_3])
    func aBodyOfKnownLengthIsWholeOrAnError(_ version: TLSVersion) async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in
            .raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nall of it", then: .close)
        }
        let total = try await measure(world, server.port, version)
        for limit in stride(from: total - 120, through: total, by: 1) {
            switch try await ask(world, server.port, version, cutAfter: limit) {
            case .success(let text): #expect(text == "all of it")
            case .failure: break
            }
        }
    }

    @Test(arguments: [TLSVersion.v1_2, .v1_3])
    func aChunkedBodyIsWholeOrAnError(_ version: TLSVersion) async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in
            .raw(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nall of it\r\n0\r\n\r\n", then: .close)
        }
        let total = try await measure(world, server.port, version)
        for limit in stride(from: total - 140, through: total, by: 1) {
            switch try await ask(world, server.port, version, cutAfter: limit) {
            case .success(let text): #expect(text == "all of it")
            case .failure: break
            }
        }
    }
}

import MTLSClient
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// Requests to servers that do not speak TLS, or not to the end, over real sockets.
struct BadServerTests {
    /// What is done with a connection once the client's hello has come.
    enum Manner: Sendable, CaseIterable {
        case plainHTTP, garbage, close, half, alert, silence, drip, flood
    }

    /// Accepts connections and behaves badly; knows when they are over.
    private struct Server {
        let channel: any Channel
        let closed: AsyncStream<Void>

        init(_ manner: Manner) async throws {
            let (closed, ended) = AsyncStream.makeStream(of: Void.self)
            self.closed = closed
            channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .childChannelInitializer { channel in
                    channel.closeFuture.whenComplete { _ in ended.yield() }
                    return channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(Misbehaving(manner))
                    }
                }
                .bind(host: "127.0.0.1", port: 0).get()
        }

        var url: String { "https://127.0.0.1:\(channel.localAddress?.port ?? 0)" }
    }

    private final class Misbehaving: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private static let warnings = ByteBuffer(bytes: (0..<5000).flatMap { _ in [21, 3, 3, 0, 2, 1, 90] as [UInt8] })
        private let manner: Manner
        private var hasBegun = false

        init(_ manner: Manner) { self.manner = manner }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard !hasBegun else { return }
            hasBegun = true
            switch manner {
            case .plainHTTP: say(context, Array("HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nbad".utf8))
            case .garbage: say(context, Array(repeating: 0xee, count: 4000))
            case .close: context.close(promise: nil)
            case .half:
                say(context, [22, 3, 3, 1, 0, 2, 0, 0])
                context.close(promise: nil)
            case .alert: say(context, [21, 3, 3, 0, 2, 2, 40])
            case .silence: break
            case .drip: drip(context)
            case .flood: flood(context)
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

        private func say(_ context: ChannelHandlerContext, _ bytes: [UInt8]) {
            context.writeAndFlush(NIOAny(ByteBuffer(bytes: bytes)), promise: nil)
        }

        /// The beginning of a long message, a byte at a time.
        private func drip(_ context: ChannelHandlerContext) {
            guard context.channel.isActive else { return }
            say(context, [22, 3, 3, 0, 1, 2])
            context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(20)) { self.drip(context) }
        }

        private func flood(_ context: ChannelHandlerContext) {
            guard context.channel.isActive else { return }
            let loop = context.eventLoop.assumeIsolated()
            context.writeAndFlush(NIOAny(Self.warnings)).assumeIsolated().whenSuccess {
                loop.execute { self.flood(context) }
            }
        }
    }

    private func error(_ manner: Manner) async throws -> MTLSError? {
        let server = try await Server(manner)
        var settings = ClientSettings()
        settings.timeouts.handshake = [.silence, .drip].contains(manner) ? .milliseconds(300) : .seconds(30)
        let client = try Client(server.url, settings: settings)
        var found: MTLSError?
        do { _ = try await client.get() } catch { found = error as? MTLSError }
        // The client has closed its socket: the server's side of it is over, too.
        var closed = server.closed.makeAsyncIterator()
        await closed.next()
        await client.shutdown()
        try await server.channel.close().get()
        return found
    }

    @Test(arguments: Manner.allCases)
    func aBadServerIsAnErrorInTimeAndLeavesNoSocket(_ manner: Manner) async throws {
        let error = try #require(await error(manner))
        switch manner {
        case .silence, .drip: #expect(error.code == .timeoutHandshake)
        default: #expect(error.code == .handshakeFailed, "\(error)")
        }
        #expect(error.phase == .handshake)
        #expect(error.message.contains("127.0.0.1"))
    }

    @Test func aServerThatSpeaksPlainHTTPIsToldApart() async throws {
        let error = try #require(await error(.plainHTTP))
        #expect(error.message.contains("answered in plain HTTP, not TLS"))
        #expect(error.advice?.contains("http:") == true)
    }
}

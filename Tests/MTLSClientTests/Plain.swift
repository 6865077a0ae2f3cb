import Glibc
import GnuTLS
import Logging
import MTLSClient
import NIOCore
import NIOPosix
import Synchronization

/// A server without TLS that answers every read with the same text.
final class PlainServer: Sendable {
    let port: Int
    var url: String { "http://127.0.0.1:\(port)" }
    private let channel: any Channel

    init(_ text: String, unixSocket path: String? = nil) async throws {
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Answering(text))
                }
            }
        channel =
            try await
            (path.map { bootstrap.bind(unixDomainSocketPath: $0) } ?? bootstrap.bind(host: "127.0.0.1", port: 0))
            .get()
        port = channel.localAddress?.port ?? 0
    }

    deinit { channel.close(promise: nil) }

    private final class Answering: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let text: String

        init(_ text: String) { self.text = text }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            context.writeAndFlush(NIOAny(ByteBuffer(string: text)), promise: nil)
        }
    }
}

/// Reads from connectors without a client.
enum Reading {
    static func context(timeouts: Timeouts = Timeouts()) throws -> ConnectContext {
        ConnectContext(
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(), origin: try Origin(host: "origin.example"),
            timeouts: timeouts, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// The first bytes that come over a connection to nowhere in particular.
    static func text(of connector: some Connector, count: Int) async throws -> String {
        let context = try context()
        let channel = try await connector.connect(to: Endpoint("origin.example", 443), context: context).channel
        defer { channel.close(promise: nil) }
        let promise = channel.eventLoop.makePromise(of: String.self)
        try await channel.eventLoop.submit {
            try channel.pipeline.syncOperations.addHandler(Collector(count, promise))
        }.get()
        channel.read()
        return try await promise.futureResult.get()
    }

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let count: Int
        private let promise: EventLoopPromise<String>
        private var bytes = ByteBuffer()

        init(_ count: Int, _ promise: EventLoopPromise<String>) { (self.count, self.promise) = (count, promise) }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            bytes.writeImmutableBuffer(unwrapInboundIn(data))
            if bytes.readableBytes >= count { promise.succeed(String(buffer: bytes)) }
        }

        func channelReadComplete(context: ChannelHandlerContext) { context.read() }

        func channelInactive(context: ChannelHandlerContext) { promise.fail(ChannelError.eof) }
    }
}

/// Counts.
final class Counter: Sendable {
    private let count = Atomic(0)
    var value: Int { count.load(ordering: .relaxed) }
    func add() { count.add(1, ordering: .relaxed) }
}

/// A Unix socket that leads to a port.
final class UnixRelay: Sendable {
    let path: String
    private let channel: any Channel

    init(to port: Int) async throws {
        path = "/tmp/mtls-relay-\(UInt64.random(in: 0 ... .max))"
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { channel in
                ClientBootstrap(group: channel.eventLoop)
                    .channelInitializer { other in
                        other.eventLoop.makeCompletedFuture {
                            try other.pipeline.syncOperations.addHandler(Passing(to: channel))
                        }
                    }
                    .connect(host: "127.0.0.1", port: port)
                    .flatMapThrowing { other in
                        try channel.pipeline.syncOperations.addHandler(Passing(to: other))
                    }
                    .flatMap { channel.setOption(.autoRead, value: true) }
            }
            .bind(unixDomainSocketPath: path).get()
    }

    deinit {
        channel.close(promise: nil)
        unlink(path)
    }

    private final class Passing: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let other: any Channel

        init(to other: any Channel) { self.other = other }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            other.writeAndFlush(unwrapInboundIn(data), promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) { other.close(promise: nil) }
    }
}

/// A port whose connections are never made: its queue is full.
final class BlackHole: Sendable {
    private let descriptors: [Int32]

    /// - Parameters:
    ///   - address: An address of the loopback network.
    ///   - port: Zero for any.
    init(_ address: String, port: Int = 0) throws {
        var descriptors: [Int32] = []
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_port = UInt16(port).bigEndian
        inet_pton(AF_INET, address, &place.sin_addr)
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        for number in 0..<4 {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
            descriptors.append(descriptor)
            withUnsafeMutablePointer(to: &place) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                    guard number == 0 else { return _ = connect(descriptor, pointer, size) }
                    var length = size
                    _ = bind(descriptor, pointer, size)
                    _ = listen(descriptor, 0)
                    _ = getsockname(descriptor, pointer, &length)
                }
            }
        }
        self.descriptors = descriptors
        self.port = Int(UInt16(bigEndian: place.sin_port))
    }

    let port: Int

    deinit { for descriptor in descriptors { close(descriptor) } }
}

/// A server that has an answer ready for each read of a connection, and keeps what it got.
final class ScriptedServer: Sendable {
    private final class Log: Sendable {
        let messages = Mutex<[[UInt8]]>([])
    }

    let port: Int
    private let channel: any Channel
    private let log: Log

    /// What came, each read by itself.
    var received: [[UInt8]] { log.messages.withLock { $0 } }

    init(_ answers: [[UInt8]]) async throws {
        let log = Log()
        self.log = log
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Script(answers, log))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
    }

    deinit { channel.close(promise: nil) }

    private final class Script: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private var answers: ArraySlice<[UInt8]>
        private let log: Log

        init(_ answers: [[UInt8]], _ log: Log) { (self.answers, self.log) = (answers[...], log) }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            log.messages.withLock { $0.append(Array(unwrapInboundIn(data).readableBytesView)) }
            guard let answer = answers.popFirst() else { return context.close(promise: nil) }
            context.writeAndFlush(NIOAny(ByteBuffer(bytes: answer)), promise: nil)
        }
    }
}

import MTLSClient
import NIOCore
import NIOPosix

import struct Glibc.linger

/// A server without TLS or codec, that a test scripts byte by byte.
final class RawServer: Sendable {
    private let channel: any Channel

    /// - Parameter serve: Called for each connection, which closes when it returns.
    init(_ serve: @escaping @Sendable (RawPeer) async throws -> Void) async throws {
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let client = try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                    Task {
                        try? await client.executeThenClose { input, _ in
                            try await serve(RawPeer(input.makeAsyncIterator(), client.channel))
                        }
                    }
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    /// Each connection is served from its making: one dropped in a queue, when this goes, would end the process.
    deinit { channel.close(promise: nil) }

    var url: String { "http://127.0.0.1:\(channel.localAddress?.port ?? 0)" }
}

/// One connection of a ``RawServer``. Used by one task.
final class RawPeer {
    nonisolated(unsafe) private var input: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator  // safe: one task
    private let channel: any Channel
    private var held = ""

    init(_ input: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator, _ channel: any Channel) {
        self.input = input
        self.channel = channel
    }

    /// What arrives up to and with `end`; nil when the client has ended before.
    func read(until end: String) async throws -> String? {
        while true {
            if let range = held.range(ending: end) {
                let text = String(held[..<range])
                held = String(held[range...])
                return text
            }
            guard let more = try await input.next() else { return nil }
            held += String(buffer: more)
        }
    }

    func readHead() async throws -> String? { try await read(until: "\r\n\r\n") }

    /// How many bytes come before the client ends.
    func count() async throws -> Int {
        var count = held.utf8.count
        while let more = try await input.next() { count += more.readableBytes }
        return count
    }

    func send(_ text: String) async throws { try await send([UInt8](text.utf8)) }

    /// Returns when the kernel has it all: what is on its way through the channel is lost when that is closed.
    func send(_ bytes: [UInt8]) async throws { try await channel.writeAndFlush(ByteBuffer(bytes: bytes)) }

    func reset() async throws {
        try await (channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        try await channel.close()
    }
}

extension String {
    /// Where the first occurrence of `part` ends.
    fileprivate func range(ending part: String) -> Index? {
        let (text, part) = (utf8, Array(part.utf8))
        var start = text.startIndex
        while text.distance(from: start, to: text.endIndex) >= part.count {
            if text[start...].starts(with: part) { return text.index(start, offsetBy: part.count) }
            start = text.index(after: start)
        }
        return nil
    }
}

import GnuTLS
import GnuTLSNIO
import MTLSCore
import NIOCore
import NIOEmbedded

/// One end: a channel in memory with the TLS handler, and a look at both of its sides.
final class End {
    let channel: EmbeddedChannel
    let below = Below()
    let recorder = Recorder()
    let handler: GnuTLSHandler
    /// What came of the handshake, once it is over.
    private(set) var outcome: Result<HandshakeSummary, any Error>?

    init(_ configuration: HandshakeConfiguration, on loop: EmbeddedEventLoop, active: Bool) throws {
        channel = EmbeddedChannel(loop: loop)
        if active { channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil) }
        let completion = loop.makePromise(of: HandshakeSummary.self)
        handler = GnuTLSHandler(configuration: configuration, completion: completion)
        completion.futureResult.assumeIsolated().whenComplete { self.outcome = $0 }
        try channel.pipeline.syncOperations.addHandlers([below, handler, recorder])
    }

    var summary: HandshakeSummary? { try? outcome?.get() }
    var handshakeError: (any Error)? { if case .failure(let error) = outcome { error } else { nil } }

    func activate() throws {
        channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        channel.embeddedEventLoop.run()
    }

    /// All ciphertext that was flushed by the end of this turn of the loop.
    func take() -> ByteBuffer? {
        channel.embeddedEventLoop.run()
        var all: ByteBuffer?
        while var next = (try? channel.readOutbound(as: ByteBuffer.self)) ?? nil {
            if all == nil { all = next } else { all?.writeBuffer(&next) }
        }
        return all
    }

    /// Ciphertext arrives, in one burst.
    func give(_ buffer: ByteBuffer?) {
        guard let buffer else { return }
        _ = try? channel.writeInbound(buffer)
    }

    func writeAndFlush(_ text: String) -> EventLoopFuture<Void> {
        channel.writeAndFlush(ByteBuffer(string: text))
    }

    /// The peer's FIN arrives, and the channel does not allow half closure.
    func lose() {
        channel._channelCore.close0(error: ChannelError.eof, mode: .all, promise: nil)
        channel.embeddedEventLoop.run()
    }
}

/// A client and a server whose channels are connected by nothing but the test.
final class BackToBack {
    let loop = EmbeddedEventLoop()
    let client: End
    let server: End

    init(_ setup: Setup = Setup(), active: Bool = true) throws {
        client = try End(setup.client(), on: loop, active: active)
        server = try End(setup.server(), on: loop, active: active)
    }

    /// Two ends whose handshake is over.
    static func connected(_ setup: Setup = Setup()) throws -> BackToBack {
        let pair = try BackToBack(setup)
        pair.interact()
        return pair
    }

    deinit {
        for end in [client, server] { _ = try? end.channel.finish(acceptAlreadyClosed: true) }
    }

    /// Carries ciphertext to and fro until nothing moves any more.
    func interact() {
        while true {
            loop.run()
            let up = client.take()
            let down = server.take()
            guard up != nil || down != nil else { return }
            server.give(up)
            client.give(down)
        }
    }
}

extension EventLoopFuture {
    /// What came of it by now; nil when nothing has.
    func now() -> Result<Value, any Error>? {
        var result: Result<Value, any Error>?
        assumeIsolated().whenComplete { result = $0 }
        return result
    }

    var isFulfilled: Bool { now() != nil }
    var hasSucceeded: Bool { if case .success = now() { true } else { false } }
    var failure: (any Error)? { if case .failure(let error) = now() { error } else { nil } }
}

import GnuTLS
@testable import GnuTLSNIO
import MTLSCore
import NIOCore
import NIOEmbedded
import Testing

/// Ends of all kinds: none spins, none loses a promise, none is taken for another.
struct HandlerChecklistEndTests {
    @Test(arguments: TLSVersion.allCases)
    func flushingWhenAnErrorIsCaughtAfterAnEndInTheHandshakeDoesNotSpin(_ version: TLSVersion) throws {
        let pair = try BackToBack(Setup(version: version))
        pair.client.recorder.onError = { context in
            context.flush()
            context.writeAndFlush(NIOAny(ByteBuffer(string: "late")), promise: nil)
        }
        pair.client.lose()
        pair.client.channel.flush()
        #expect(pair.client.recorder.events == [.error("tls.handshakeFailed"), .inactive])
        #expect(pair.client.below.writes == 1)
    }

    @Test(arguments: TLSVersion.allCases)
    func flushingWhenAnErrorIsCaughtAfterAHalfClosureDoesNotSpin(_ version: TLSVersion) throws {
        let pair = try BackToBack(Setup(version: version))
        pair.client.recorder.onError = { context in
            context.writeAndFlush(NIOAny(ByteBuffer(string: "late")), promise: nil)
            context.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        }
        pair.client.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        pair.loop.run()
        #expect(pair.client.recorder.events == [.error("tls.handshakeFailed"), .inactive])
        #expect(pair.client.below.writes == 1)
    }

    @Test func flushingBeforeClosingAfterAnEndInTheHandshakeDoesNotSpin() throws {
        let pair = try BackToBack()
        pair.client.recorder.onError = { context in
            context.flush()
            context.close(promise: nil)
        }
        pair.client.lose()
        #expect(pair.client.recorder.events == [.error("tls.handshakeFailed"), .inactive])
    }

    @Test func unprocessedDataIsDeliveredBeforeTheEndIsTold() throws {
        let pair = try BackToBack.connected()
        pair.server.channel.writeAndFlush(ByteBuffer(string: "first"), promise: nil)
        let record = try #require(pair.server.take())
        // Read, but not completely, when the channel ends.
        pair.client.channel.pipeline.fireChannelRead(record)
        pair.client.lose()
        #expect(
            pair.client.recorder.events == [
                .handshakeCompleted(nil), .read("first"), .readComplete, .truncated, .inactive,
            ])
    }

    @Test(arguments: TLSVersion.allCases)
    func readingAfterCloseNotifyDoesNoHarm(_ version: TLSVersion) throws {
        let pair = try BackToBack.connected(Setup(version: version))
        pair.server.channel.close(promise: nil)
        pair.client.give(pair.server.take())
        let events = pair.client.recorder.events
        for _ in 0..<3 {
            pair.client.channel.pipeline.read()
            pair.client.channel.pipeline.fireChannelRead(ByteBuffer(string: "gibberish"))
            pair.client.channel.pipeline.fireChannelReadComplete()
        }
        pair.loop.run()
        #expect(pair.client.recorder.events.filter { $0 != .inactive } == events.filter { $0 != .inactive })
    }

    @Test func dataBehindCloseNotifyIsDropped() throws {
        let (attack, keys) = try Attack.connected(.v1_3)
        attack.client.give([keys.seal(21, [1, 0]), keys.seal(23, Array("late".utf8))])
        #expect(attack.client.recorder.text == "")
        #expect(attack.client.recorder.events.contains(.shutdownCompleted) && attack.client.recorder.errors.isEmpty)
    }

    /// So no time-out for closing is needed.
    @Test func closingDoesNotWaitForThePeersCloseNotify() throws {
        let pair = try BackToBack.connected()
        let closed = pair.client.channel.close()
        pair.loop.run()
        #expect(closed.hasSucceeded && !pair.client.channel.isActive)
        #expect(pair.client.handler.session == nil)
    }

    @Test func pendingWritesFailWhenTheirFailureFlushes() throws {
        let pair = try BackToBack.connected()
        let channel = pair.client.channel
        var count = 0
        for _ in 0..<3 {
            channel.write(ByteBuffer(string: "pending")).assumeIsolated().whenFailure { _ in
                count += 1
                channel.flush()
            }
        }
        channel.close(promise: nil)
        pair.interact()
        #expect(count == 3)
        #expect(pair.server.recorder.text == "")
    }

    @Test(arguments: TLSVersion.allCases)
    func eitherSideMayCloseItsOutput(_ version: TLSVersion) throws {
        for side in [\BackToBack.client, \BackToBack.server] {
            let pair = try BackToBack.connected(Setup(version: version))
            let closer = pair[keyPath: side]
            let closed = closer.channel.close(mode: .output)
            #expect(closed.hasSucceeded)
            let late = closer.channel.writeAndFlush(ByteBuffer(string: "late"))
            #expect(late.failure as? ChannelError == .outputClosed)
            let again = closer.channel.close(mode: .output)
            #expect(again.failure as? ChannelError == .outputClosed)
        }
    }

    @Test func closingTheOutputDuringTheHandshakeFailsWhenTheInputCloses() throws {
        let pair = try BackToBack()
        let closed = pair.client.channel.close(mode: .output)
        pair.client.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        pair.loop.run()
        #expect((closed.failure as? MTLSError)?.code == .handshakeFailed)
    }

    @Test(arguments: 0...2)
    func noPromiseOfAClosingIsLost(_ flights: Int) throws {
        let pair = try BackToBack()
        for _ in 0..<flights {
            pair.server.give(pair.client.take())
            pair.client.give(pair.server.take())
        }
        let promises = [CloseMode.output, .all, .output, .all].map { pair.client.channel.close(mode: $0) }
        pair.interact()
        let areFulfilled = promises.allSatisfy { $0.isFulfilled }
        #expect(areFulfilled)
    }
}

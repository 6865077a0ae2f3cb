import GnuTLS
import GnuTLSNIO
import MTLSCore
import NIOCore
import NIOEmbedded
import Testing

/// Ends: asked for, told by the peer, or just there.
struct ClosingTests {
    @Test(arguments: TLSVersion.allCases)
    func closingSaysCloseNotify(_ version: TLSVersion) throws {
        let pair = try BackToBack.connected(Setup(version: version))
        let closed = pair.client.channel.close()
        pair.interact()
        #expect(closed.hasSucceeded)
        #expect(
            pair.server.recorder.events == [.handshakeCompleted(nil), .readComplete, .shutdownCompleted, .inactive])
        #expect(pair.client.recorder.events == [.handshakeCompleted(nil), .inactive])
    }

    @Test func whatWasFlushedGoesOutBeforeCloseNotify() throws {
        let pair = try BackToBack.connected()
        let write = pair.client.channel.writeAndFlush(ByteBuffer(string: "last words"))
        pair.client.channel.close(promise: nil)
        pair.interact()
        #expect(write.hasSucceeded)
        #expect(
            pair.server.recorder.events == [
                .handshakeCompleted(nil), .read("last words"), .readComplete, .shutdownCompleted, .inactive,
            ])
    }

    @Test func whatWasNotFlushedFails() throws {
        let pair = try BackToBack.connected()
        let write = pair.client.channel.write(ByteBuffer(string: "never flushed"))
        pair.client.channel.close(promise: nil)
        pair.interact()
        #expect(write.failure as? ChannelError == .ioOnClosedChannel)
        #expect(pair.server.recorder.text == "")
    }

    @Test func aWriteAfterClosingFails() throws {
        let pair = try BackToBack.connected()
        pair.client.channel.close(promise: nil)
        let write = pair.client.channel.writeAndFlush(ByteBuffer(string: "late"))
        pair.interact()
        #expect(write.failure as? ChannelError == .ioOnClosedChannel)
    }

    @Test func closingAgainDoesNothingMore() throws {
        let pair = try BackToBack.connected()
        let promises = (0..<3).map { _ in pair.client.channel.close() }
        pair.loop.run()
        #expect(promises[0].hasSucceeded)
        let othersEnded = promises.allSatisfy { $0.isFulfilled }
        #expect(othersEnded)
        pair.interact()
        #expect(pair.server.recorder.events.count { $0 == .shutdownCompleted } == 1)
    }

    @Test(arguments: [0, 1])
    func closingDuringTheHandshakeFailsIt(_ flights: Int) throws {
        let pair = try BackToBack()
        for _ in 0..<flights { pair.server.give(pair.client.take()) }
        let write = pair.client.writeAndFlush("never sent")
        let closed = pair.client.channel.close()
        pair.loop.run()
        #expect(closed.hasSucceeded)
        #expect(write.failure != nil && pair.client.handshakeError != nil)
    }

    @Test func closingBeforeTheChannelIsActiveFailsTheHandshake() throws {
        let pair = try BackToBack(active: false)
        let write = pair.client.channel.write(ByteBuffer(string: "never sent"))
        pair.client.channel.close(promise: nil)
        pair.loop.run()
        #expect(write.failure != nil && pair.client.handshakeError != nil)
    }

    @Test func dataAfterClosingIsDropped() throws {
        let pair = try BackToBack.connected()
        pair.client.channel.close(promise: nil)
        pair.server.channel.writeAndFlush(ByteBuffer(string: "late"), promise: nil)
        let late = pair.server.take()
        let events = pair.client.recorder.events
        if let late {
            pair.client.channel.pipeline.fireChannelRead(late)
            pair.client.channel.pipeline.fireChannelReadComplete()
            pair.client.channel.pipeline.fireChannelRead(ByteBuffer(string: "gibberish"))
            pair.client.channel.pipeline.fireChannelReadComplete()
        }
        #expect(late != nil)
        #expect(pair.client.recorder.events == events)
    }

    @Test func dataBeforeCloseNotifyIsDeliveredBeforeTheEnd() throws {
        let pair = try BackToBack.connected()
        pair.server.channel.writeAndFlush(ByteBuffer(string: "response"), promise: nil)
        pair.server.channel.close(promise: nil)
        // Everything in one burst, as from a socket.
        pair.client.give(pair.server.take())
        pair.client.lose()
        #expect(
            pair.client.recorder.events == [
                .handshakeCompleted(nil), .read("response"), .readComplete, .shutdownCompleted, .inactive,
            ])
    }

    @Test func anEndWithoutCloseNotifyIsTruncationAfterTheData() throws {
        let pair = try BackToBack.connected()
        pair.server.channel.writeAndFlush(ByteBuffer(string: "half"), promise: nil)
        let record = try #require(pair.server.take())
        pair.client.give(record)
        let write = pair.client.channel.write(ByteBuffer(string: "never flushed"))
        pair.client.lose()
        #expect(pair.client.recorder.events.suffix(3) == [.readComplete, .truncated, .inactive])
        #expect(pair.client.recorder.text == "half")
        #expect(pair.client.recorder.errors.isEmpty)
        #expect(write.failure as? ChannelError == .ioOnClosedChannel)
    }

    @Test func anEndInsideARecordIsTruncation() throws {
        let pair = try BackToBack.connected()
        pair.server.channel.writeAndFlush(ByteBuffer(string: "half"), promise: nil)
        var record = try #require(pair.server.take())
        pair.client.give(record.readSlice(length: 9))
        pair.client.lose()
        #expect(pair.client.recorder.events.contains(.truncated))
        #expect(pair.client.recorder.text == "")
    }

    @Test func aHalfClosureWithoutCloseNotifyIsTruncation() throws {
        let pair = try BackToBack.connected()
        pair.client.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        pair.loop.run()
        #expect(
            pair.client.recorder.events == [.handshakeCompleted(nil), .readComplete, .truncated, .inactive])
    }

    @Test func closingTheOutputLeavesTheInputOpen() throws {
        let pair = try BackToBack.connected()
        pair.client.channel.writeAndFlush(ByteBuffer(string: "question"), promise: nil)
        pair.client.channel.close(mode: .output, promise: nil)
        #expect(pair.client.below.closes == [.output])
        // The answer was on its way already.
        pair.server.channel.writeAndFlush(ByteBuffer(string: "answer"), promise: nil)
        pair.client.give(pair.server.take())
        #expect(pair.client.recorder.text == "answer")
        let late = pair.client.channel.writeAndFlush(ByteBuffer(string: "late"))
        #expect(late.failure as? ChannelError == .outputClosed)
        pair.server.channel.writeAndFlush(ByteBuffer(string: "!"), promise: nil)
        pair.client.give(pair.server.take())
        #expect(pair.client.recorder.text == "answer!")
        #expect(pair.client.recorder.errors.isEmpty)
        pair.interact()
        #expect(pair.server.recorder.text == "question")
        #expect(pair.server.recorder.events.contains(.shutdownCompleted))
    }

    @Test func closingTheOutputDuringTheHandshakeWaitsForItsEnd() throws {
        let pair = try BackToBack()
        let write = pair.client.writeAndFlush("question")
        let closed = pair.client.channel.close(mode: .output)
        #expect(pair.client.below.closes.isEmpty)
        #expect(!closed.isFulfilled)
        pair.interact()
        #expect(write.hasSucceeded)
        #expect(pair.client.below.closes.first == .output)
        #expect(pair.server.recorder.text == "question")
        #expect(pair.server.recorder.events.contains(.shutdownCompleted))
    }

    @Test func aHandshakeThatFailsFailsTheClosingOfItsOutput() throws {
        let pair = try BackToBack()
        let closed = pair.client.channel.close(mode: .output)
        pair.client.lose()
        #expect(closed.failure != nil)
    }

    @Test func anErrorAfterTheHandshakeIsPassedOn() throws {
        let pair = try BackToBack.connected()
        pair.client.channel.pipeline.fireErrorCaught(Marked(mark: "reset"))
        #expect(pair.client.recorder.errors.first as? Marked == Marked(mark: "reset"))
    }

    @Test func manyConnectionsMayComeAndGo() throws {
        for _ in 0..<50 {
            let pair = try BackToBack.connected()
            pair.client.channel.close(promise: nil)
            pair.interact()
            #expect(!pair.server.channel.isActive)
        }
    }
}

import GnuTLS
import GnuTLSNIO
import MTLSCore
import NIOCore
import NIOEmbedded
import Testing

/// What becomes of writes.
struct WritingTests {
    @Test func writesThatAreFlushedTogetherBecomeOne() throws {
        let pair = try BackToBack.connected()
        let before = pair.client.below.writes
        let promises = (0..<10).map { number in pair.client.channel.write(ByteBuffer(string: "\(number)")) }
        #expect(pair.client.below.writes == before)
        pair.client.channel.flush()
        #expect(pair.client.below.writes == before + 1)
        pair.interact()
        let allSucceeded = promises.allSatisfy { $0.hasSucceeded }
        #expect(allSucceeded)
        #expect(pair.server.recorder.events.suffix(2) == [.read("0123456789"), .readComplete])
    }

    @Test(arguments: TLSVersion.allCases)
    func whatIsWrittenAsSoonAsTheHandshakeIsOverGoesOutWithItsEnd(_ version: TLSVersion) throws {
        let pair = try BackToBack(Setup(version: version))
        // The one that ends the handshake is the client in TLS 1.3, in a full handshake of TLS 1.2 the server.
        let end = version == .v1_3 ? pair.client : pair.server
        var before = 0
        end.recorder.onHandshake = { [below = end.below] context in
            before = below.writes
            context.writeAndFlush(NIOAny(ByteBuffer(string: "at once")), promise: nil)
        }
        pair.interact()
        #expect(end.below.writes == before + 1)
        #expect((version == .v1_3 ? pair.server : pair.client).recorder.text == "at once")
    }

    @Test(arguments: TLSVersion.allCases)
    func theHandshakesEndGoesOutAloneWhenNothingIsWritten(_ version: TLSVersion) throws {
        let pair = try BackToBack(Setup(version: version))
        let end = version == .v1_3 ? pair.client : pair.server
        var before = 0
        end.recorder.onHandshake = { [below = end.below] _ in before = below.writes }
        pair.interact()
        #expect(end.below.writes == before + 1)
        #expect(pair.client.summary != nil && pair.server.summary != nil)
    }

    @Test func whatIsNotFlushedStays() throws {
        let pair = try BackToBack.connected()
        let first = pair.client.channel.writeAndFlush(ByteBuffer(string: "a"))
        let second = pair.client.channel.write(ByteBuffer(string: "b"))
        pair.interact()
        #expect(pair.server.recorder.text == "a")
        #expect(first.hasSucceeded && !second.isFulfilled)
    }

    @Test func promisesAreKeptInOrderAlsoOfEmptyWrites() throws {
        let pair = try BackToBack.connected()
        var order: [Int] = []
        for (number, text) in ["", "a", "", "", "b", ""].enumerated() {
            pair.client.channel.write(ByteBuffer(string: text)).assumeIsolated().whenSuccess { order.append(number) }
        }
        #expect(order.isEmpty)
        pair.client.channel.flush()
        #expect(order == [0, 1, 2, 3, 4, 5])
    }

    @Test func anEmptyWriteWaitsForThoseBeforeIt() throws {
        let pair = try BackToBack.connected()
        let before = pair.client.below.writes
        #expect(pair.client.channel.writeAndFlush(ByteBuffer()).hasSucceeded)
        // It takes its place in the channel's own queue.
        #expect(pair.client.below.writes == before + 1)
        #expect((pair.client.take()?.readableBytes ?? 0) == 0)
    }

    @Test(arguments: TLSVersion.allCases, [16_384, 16_385, 1_000_000])
    func writesMayBeLargerThanARecord(_ version: TLSVersion, _ size: Int) throws {
        let pair = try BackToBack.connected(Setup(version: version))
        let data = ByteBuffer(bytes: (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        let write = pair.client.channel.writeAndFlush(data)
        pair.interact()
        #expect(write.hasSucceeded)
        #expect(pair.server.recorder.received == data)
    }

    @Test func aWriteFromThePromiseOfAWriteGoesOutOnce() throws {
        let pair = try BackToBack.connected()
        let channel = pair.client.channel
        channel.write(ByteBuffer(string: "first ")).assumeIsolated().whenSuccess {
            channel.writeAndFlush(ByteBuffer(string: "second"), promise: nil)
        }
        channel.flush()
        pair.interact()
        #expect(pair.server.recorder.text == "first second")
        #expect(pair.server.recorder.errors.isEmpty)
    }

    @Test func aWriteWhileAWriteIsPassedOnGoesOutOnce() throws {
        let pair = try BackToBack.connected()
        // As when the channel's writability changes in the middle of a write.
        pair.client.recorder.onWritability = { context in
            context.writeAndFlush(NIOAny(ByteBuffer(string: "second")), promise: nil)
        }
        let channel = pair.client.channel
        pair.client.below.onWrite = { [unowned below = pair.client.below] in
            below.onWrite = {}
            channel.pipeline.fireChannelWritabilityChanged()
        }
        pair.client.channel.writeAndFlush(ByteBuffer(string: "first "), promise: nil)
        pair.interact()
        #expect(pair.server.recorder.text == "first second")
        #expect(pair.server.recorder.errors.isEmpty)
    }

    @Test func aWriteFromTheFailureOfAWriteFailsToo() throws {
        let pair = try BackToBack()
        let channel = pair.client.channel
        var second: EventLoopFuture<Void>?
        pair.client.writeAndFlush("first").assumeIsolated().whenFailure { _ in
            second = channel.writeAndFlush(ByteBuffer(string: "second"))
        }
        pair.client.lose()
        #expect(second?.failure != nil)
    }

    @Test func writesWhileAnswersAreReadKeepTheirOrder() throws {
        let pair = try BackToBack.connected()
        var round = 0
        pair.server.recorder.onRead = { context in
            round += 1
            context.writeAndFlush(NIOAny(ByteBuffer(string: "answer \(round) ")), promise: nil)
        }
        for _ in 0..<3 {
            pair.client.channel.writeAndFlush(ByteBuffer(string: "question"), promise: nil)
            pair.interact()
        }
        #expect(pair.client.recorder.text == "answer 1 answer 2 answer 3 ")
    }

    @Test func aBufferThatTheChannelStillHoldsIsNotOverwritten() throws {
        let pair = try BackToBack.connected()
        // Nothing is taken from the channel in between: it holds all three.
        for text in ["one ", "two ", "three"] {
            pair.client.channel.writeAndFlush(ByteBuffer(string: text), promise: nil)
        }
        pair.interact()
        #expect(pair.server.recorder.text == "one two three")
    }
}

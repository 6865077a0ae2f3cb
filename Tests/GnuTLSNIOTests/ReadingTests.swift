import CGnuTLS
import MTLSCore
import NIOCore
import NIOEmbedded
import Testing

@testable import GnuTLS
@testable import GnuTLSNIO

/// What becomes of what arrives, and who may ask for it.
struct ReadingTests {
    @Test func aBurstOfRecordsIsDeliveredAsOneRead() throws {
        let pair = try BackToBack.connected()
        for number in 0..<20 { pair.server.channel.writeAndFlush(ByteBuffer(string: "\(number);"), promise: nil) }
        pair.interact()
        let expected = (0..<20).map { "\($0);" }.joined()
        #expect(pair.client.recorder.events == [.handshakeCompleted(nil), .read(expected), .readComplete])
    }

    @Test func aRecordInPiecesIsDeliveredWhenItIsWhole() throws {
        let pair = try BackToBack.connected()
        pair.server.channel.writeAndFlush(ByteBuffer(string: "whole"), promise: nil)
        var record = try #require(pair.server.take())
        while let byte = record.readSlice(length: 1) { pair.client.give(byte) }
        #expect(pair.client.recorder.text == "whole")
        #expect(pair.client.recorder.reads == 1)
    }

    @Test func aReadThatYieldsNoPlaintextIsIssuedAgain() throws {
        let pair = try BackToBack.connected()
        pair.server.channel.writeAndFlush(ByteBuffer(string: "whole"), promise: nil)
        var record = try #require(pair.server.take())
        pair.client.channel.read()
        let asked = pair.client.below.reads
        pair.client.give(record.readSlice(length: 3))
        #expect(pair.client.below.reads == asked + 1)
        pair.client.give(record)
        #expect(pair.client.recorder.text == "whole")
        #expect(pair.client.below.reads == asked + 1)
    }

    @Test func nothingIsReadUnlessAskedForOnceTheHandshakeIsOver() throws {
        let pair = try BackToBack.connected()
        let asked = pair.client.below.reads
        pair.server.channel.writeAndFlush(ByteBuffer(string: "a"), promise: nil)
        pair.interact()
        pair.client.channel.writeAndFlush(ByteBuffer(string: "b"), promise: nil)
        pair.interact()
        #expect(pair.client.below.reads == asked)
        pair.client.channel.read()
        #expect(pair.client.below.reads == asked + 1)
    }

    @Test func aReadAskedForDuringTheHandshakeIsIssuedAfterIt() throws {
        let pair = try BackToBack()
        pair.client.channel.read()
        pair.server.give(pair.client.take())
        let asked = pair.client.below.reads
        pair.client.give(pair.server.take())
        #expect(pair.client.summary != nil)
        #expect(pair.client.below.reads == asked + 1)
    }

    @Test func theHandshakeReadsForItself() throws {
        let pair = try BackToBack()
        #expect(pair.client.below.reads == 1)
        #expect(pair.server.below.reads == 1)
    }

    @Test func closingInTheMiddleOfAReadIsSafe() throws {
        let pair = try BackToBack.connected()
        pair.client.recorder.onRead = { context in context.close(promise: nil) }
        for _ in 0..<40 {
            pair.server.channel.writeAndFlush(ByteBuffer(repeating: 65, count: 16_384), promise: nil)
        }
        pair.interact()
        #expect(pair.client.recorder.reads == 1)
        #expect(!pair.client.channel.isActive)
        #expect(pair.client.recorder.errors.isEmpty)
    }

    @Test func aLongBurstIsDeliveredInBoundedPieces() throws {
        let pair = try BackToBack.connected()
        let size = 2_000_000
        pair.server.channel.writeAndFlush(ByteBuffer(repeating: 66, count: size), promise: nil)
        pair.interact()
        #expect(pair.client.recorder.received.readableBytes == size)
        #expect((2...8).contains(pair.client.recorder.reads))
        #expect(pair.client.recorder.events.count { $0 == .readComplete } == 1)
    }

    @Test func anAlteredRecordIsAnErrorAfterTheDataBeforeIt() throws {
        let pair = try BackToBack.connected()
        pair.server.channel.writeAndFlush(ByteBuffer(string: "good"), promise: nil)
        var good = try #require(pair.server.take())
        pair.server.channel.writeAndFlush(ByteBuffer(string: "evil"), promise: nil)
        var evil = try #require(pair.server.take())
        evil.setInteger(
            evil.getInteger(at: evil.readerIndex + 7, as: UInt8.self).map { $0 ^ 1 } ?? 0, at: evil.readerIndex + 7)
        good.writeBuffer(&evil)
        pair.client.give(good)
        pair.interact()
        #expect(
            pair.client.recorder.events == [
                .handshakeCompleted(nil), .read("good"), .readComplete, .error("tls.failed"), .inactive,
            ])
        // The server is told.
        #expect(pair.server.recorder.mtlsErrors.first?.message.contains("alert 20") == true)
    }

    @Test func aWishToRenegotiateIsDeclinedAtOnce() throws {
        let pair = try BackToBack.connected(Setup(version: .v1_2))
        let session = try #require(pair.server.handler.session)
        #expect(gnutls_rehandshake(session.handle) == 0)
        pair.server.handler.flushTransport()
        pair.client.give(pair.server.take())
        let answer = pair.client.take()
        #expect(answer != nil)
        pair.server.give(answer)
        #expect(gnutls_alert_get(session.handle) == GNUTLS_A_NO_RENEGOTIATION)
        #expect(pair.client.recorder.errors.isEmpty && pair.server.recorder.errors.isEmpty)
    }

    @Test func aKeyUpdateBetweenRecordsStallsNothing() throws {
        let pair = try BackToBack.connected()
        let session = try #require(pair.server.handler.session)
        pair.server.channel.writeAndFlush(ByteBuffer(string: "before "), promise: nil)
        #expect(gnutls_session_key_update(session.handle, UInt32(GNUTLS_KU_PEER)) == 0)
        pair.server.channel.writeAndFlush(ByteBuffer(string: "after"), promise: nil)
        pair.interact()
        #expect(pair.client.recorder.events.suffix(2) == [.read("before after"), .readComplete])
    }

    @Test func theTransportGivesBackTheMemoryOfALargeWrite() {
        let transport = BufferTransport(allocator: ByteBufferAllocator())
        let large = [UInt8](repeating: 1, count: 1 << 20)
        large.withUnsafeBytes { transport.push($0) }
        if let taken = transport.takeOutbound() { transport.recycle(taken) }
        [1, 2, 3].withUnsafeBytes { transport.push($0) }
        #expect((transport.takeOutbound()?.capacity ?? 0) <= 1 << 17)
    }

    @Test func theTransportPullsAcrossBuffersAndThenRunsDry() {
        let transport = BufferTransport(allocator: ByteBufferAllocator())
        transport.append(ByteBuffer(bytes: [1, 2]))
        transport.append(ByteBuffer())
        transport.append(ByteBuffer(bytes: [3]))
        var target = [UInt8](repeating: 0, count: 8)
        #expect(target.withUnsafeMutableBytes { transport.pull(into: $0) } == .bytes(2))
        #expect(transport.hasInput)
        #expect(target.withUnsafeMutableBytes { transport.pull(into: $0) } == .bytes(1))
        #expect(!transport.hasInput)
        #expect(target.withUnsafeMutableBytes { transport.pull(into: $0) } == .dry)
        transport.end()
        #expect(transport.hasInput)
        #expect(target.withUnsafeMutableBytes { transport.pull(into: $0) } == .end)
    }
}

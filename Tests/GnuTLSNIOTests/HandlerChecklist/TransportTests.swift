import GnuTLS
import NIOCore
import Testing

@testable import GnuTLSNIO

/// The buffers between channel and session: a push is never short, a pull says when it finds nothing.
struct HandlerChecklistTransportTests {
    private let transport = BufferTransport(allocator: ByteBufferAllocator())

    private func push(_ bytes: [UInt8]) { bytes.withUnsafeBytes { transport.push($0) } }

    private func pull(_ size: Int) -> (result: PullResult, bytes: [UInt8]) {
        var target = [UInt8](repeating: 0, count: size)
        let result = target.withUnsafeMutableBytes { transport.pull(into: $0) }
        if case .bytes(let count) = result { return (result, Array(target.prefix(count))) }
        return (result, [])
    }

    private func address(_ buffer: ByteBuffer) -> UnsafeRawPointer? {
        buffer.withUnsafeReadableBytes { $0.baseAddress }
    }

    @Test func aPullFromAnEmptyTransportIsDryAndNotTheEnd() {
        #expect(pull(8).result == .dry && !transport.hasInput)
    }

    @Test func aShortPullLeavesTheRest() {
        transport.append(ByteBuffer(bytes: [1, 2, 3, 4, 5]))
        #expect(pull(2).bytes == [1, 2])
        #expect(pull(2).bytes == [3, 4])
        #expect(pull(2).bytes == [5])
        #expect(pull(2).result == .dry)
    }

    @Test func whatArrivedIsPulledBeforeTheEnd() {
        transport.append(ByteBuffer(bytes: [1]))
        transport.end()
        #expect(pull(2).bytes == [1])
        #expect(pull(2).result == .end && pull(2).result == .end)
    }

    @Test func pullingLeavesTheChannelsBufferAlone() {
        let arrived = ByteBuffer(bytes: [1, 2, 3])
        transport.append(arrived)
        _ = pull(3)
        #expect(arrived == ByteBuffer(bytes: [1, 2, 3]))
    }

    @Test func manyPushesAreCoalescedAndNoneIsShort() {
        for _ in 0..<1000 { push([1, 2, 3]) }
        #expect(transport.takeOutbound()?.readableBytes == 3000)
        #expect(transport.takeOutbound() == nil)
    }

    @Test func aBufferThatWasGivenBackIsWrittenAgainInPlace() {
        push([1, 2, 3])
        func pass() -> UnsafeRawPointer? {
            guard let taken = transport.takeOutbound() else { return nil }
            let place = address(taken)
            transport.recycle(consume taken)
            return place
        }
        let first = pass()
        push([4, 5, 6])
        #expect(first != nil && pass() == first)
    }

    @Test func aBufferThatIsStillHeldIsNotWrittenTo() {
        push([1, 2, 3])
        let held = transport.takeOutbound()
        if let held { transport.recycle(held) }
        push([4, 5, 6])
        #expect(held == ByteBuffer(bytes: [1, 2, 3]))
        #expect(transport.takeOutbound() == ByteBuffer(bytes: [4, 5, 6]))
    }
}

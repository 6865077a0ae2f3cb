import GnuTLS
import NIOCore

/// Ciphertext on its way between a channel and a session: what was read waits in `inbound`, what is to be written
/// gathers in `outbound`.
final class BufferTransport: TLSTransport {
    private var inbound = CircularBuffer<ByteBuffer>()
    private(set) var outbound: ByteBuffer
    private var ended = false

    init(allocator: ByteBufferAllocator) {
        outbound = allocator.buffer(capacity: 4096)
    }

    func append(_ buffer: ByteBuffer) {
        if buffer.readableBytes > 0 { inbound.append(buffer) }
    }

    func end() {
        ended = true
    }

    var hasInput: Bool { !inbound.isEmpty || ended }

    func pull(into target: UnsafeMutableRawBufferPointer) -> PullResult {
        guard !inbound.isEmpty else { return ended ? .end : .dry }
        let first = inbound.startIndex
        let count = inbound[first].readWithUnsafeReadableBytes { bytes in
            let count = min(bytes.count, target.count)
            target.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes.prefix(count)))
            return count
        }
        if inbound[first].readableBytes == 0 { inbound.removeFirst() }
        return .bytes(count)
    }

    func push(_ bytes: UnsafeRawBufferPointer) {
        outbound.writeBytes(bytes)
    }

    /// Takes what is to be written, and keeps the memory for the next time if nobody else holds it by then.
    func takeOutbound() -> ByteBuffer? {
        guard outbound.readableBytes > 0 else { return nil }
        return outbound
    }

    func outboundWasPassedOn() {
        outbound.clear(minimumCapacity: 0)
    }
}

extension ByteBuffer {
    /// Like `readWithUnsafeReadableBytes`, under a name that says that the closure tells how much it took.
    fileprivate mutating func readWithUnsafeReadableBytes(_ body: (UnsafeRawBufferPointer) -> Int) -> Int {
        let count = withUnsafeReadableBytes(body)
        moveReaderIndex(forwardBy: count)
        return count
    }
}

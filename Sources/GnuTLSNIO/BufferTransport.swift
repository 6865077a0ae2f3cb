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

    /// Takes what is to be written. It is taken before it is passed on: whoever hears of a write may write.
    func takeOutbound() -> ByteBuffer? {
        guard outbound.readableBytes > 0 else { return nil }
        defer { outbound = ByteBuffer() }
        return outbound
    }

    /// Gives the memory of a buffer that was passed on back for the next one, unless somebody holds it still, or it has
    /// grown beyond what a connection should keep.
    func recycle(_ buffer: consuming ByteBuffer) {
        guard outbound.capacity == 0, buffer.capacity <= 1 << 17 else { return }
        buffer.clear(minimumCapacity: 0)
        outbound = buffer
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

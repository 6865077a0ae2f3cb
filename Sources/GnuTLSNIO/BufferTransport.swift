import GnuTLS
import NIOCore

/// Ciphertext on its way between a channel and a session: what was read waits in `inbound`, what is to be written
/// gathers in `outbound`.
final class BufferTransport: TLSTransport {
    /// What is pulled next. It is let go of when it is empty, so that whoever made it can fill it again.
    private var inbound = ByteBuffer()
    /// What has arrived behind that.
    private var later = CircularBuffer<ByteBuffer>(initialCapacity: 2)
    private(set) var pendingBytes = 0
    // safe: a buffer calls nothing of ours while it changes, so no access meets another; debug builds check that.
    #if !DEBUG
    @exclusivity(unchecked)
    #endif
    private(set) var outbound: ByteBuffer
    private var ended = false

    init(allocator: ByteBufferAllocator) {
        outbound = allocator.buffer(capacity: 1024)
    }

    func append(_ buffer: ByteBuffer) {
        guard buffer.readableBytes > 0 else { return }
        if pendingBytes == 0 { inbound = buffer } else { later.append(buffer) }
        pendingBytes += buffer.readableBytes
    }

    func end() {
        ended = true
    }

    var hasInput: Bool { pendingBytes > 0 || ended }

    func pull(into target: UnsafeMutableRawBufferPointer) -> PullResult {
        guard pendingBytes > 0 else { return ended ? .end : .dry }
        let count = min(inbound.readableBytes, target.count)
        inbound.withUnsafeReadableBytes {
            target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0.prefix(count)))
        }
        inbound.moveReaderIndex(forwardBy: count)
        pendingBytes -= count
        if inbound.readableBytes == 0 { inbound = (pendingBytes > 0 ? later.popFirst() : nil) ?? ByteBuffer() }
        return .bytes(count)
    }

    /// Makes room for the records of so many bytes of plaintext, so that what gathers is not moved while it grows.
    func makeRoom(forPlaintext count: Int) {
        outbound.reserveCapacity(minimumWritableBytes: count + (count >> 14 + 1) * 64)
    }

    func push(_ bytes: UnsafeRawBufferPointer) {
        outbound.writeBytes(bytes)
    }

    var hasOutput: Bool { outbound.readableBytes > 0 }

    /// Takes what is to be written. It is taken before it is passed on: whoever hears of a write may write.
    func takeOutbound() -> ByteBuffer? {
        guard hasOutput else { return nil }
        defer { outbound = ByteBuffer() }
        return outbound
    }

    /// Gives the memory of a buffer that was passed on back for the next one, unless somebody holds it still, or it is
    /// beyond all use.
    func recycle(_ buffer: consuming ByteBuffer) {
        guard outbound.capacity == 0, buffer.capacity <= 1 << 19 else { return }
        buffer.clear(minimumCapacity: 0)
        outbound = buffer
    }

    /// Lets go of memory beyond `limit` that nothing is in: handshakes and long uploads need more than an idle connection
    /// should keep.
    func relax(above limit: Int) {
        if outbound.capacity > limit, outbound.readableBytes == 0 { outbound = ByteBuffer() }
    }
}

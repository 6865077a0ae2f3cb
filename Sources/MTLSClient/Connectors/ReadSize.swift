import NIOCore

/// How much is read of a connection at once.
///
/// Long reads make long downloads cheap: NIO's own end at 64 KiB, and there are four of them in a row. What is read here
/// grows with what comes, and the buffer stays with the connection: one that has only carried short messages has a short
/// one.
enum ReadSize {
    static let allocator = AdaptiveRecvByteBufferAllocator(minimum: 64, initial: 1024, maximum: 1 << 18)
    static let readsAtOnce: UInt = 1
}

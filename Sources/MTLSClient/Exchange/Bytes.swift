package import NIOCore

/// A piece of a body, shared rather than copied.
public struct Bytes: Sendable, Hashable, RandomAccessCollection {
    package let buffer: ByteBuffer

    package init(_ buffer: ByteBuffer) {
        self.buffer = buffer
    }

    /// Copies `bytes`.
    public init(_ bytes: some Sequence<UInt8>) {
        buffer = ByteBuffer(bytes: bytes)
    }

    /// Always zero.
    public var startIndex: Int { 0 }
    /// How many bytes there are.
    public var endIndex: Int { buffer.readableBytes }

    /// One byte.
    public subscript(position: Int) -> UInt8 { buffer.readableBytesView[buffer.readerIndex + position] }

    /// Calls `body` with the bytes, which are valid only during the call.
    public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try buffer.withUnsafeReadableBytes(body)
    }

    /// Calls `body` with the bytes, so that algorithms of the standard library need not take them one by one.
    public func withContiguousStorageIfAvailable<Result>(
        _ body: (UnsafeBufferPointer<UInt8>) throws -> Result
    ) rethrows -> Result? {
        try buffer.readableBytesView.withContiguousStorageIfAvailable(body)
    }

    /// The bytes as text; what is not UTF-8 becomes U+FFFD.
    public var text: String { String(buffer: buffer) }
}

/// An amount of bytes, for limits.
public struct ByteCount: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// How many bytes.
    public let bytes: Int

    /// So many bytes.
    public static func bytes(_ count: Int) -> ByteCount { .init(bytes: count) }
    /// So many times 1,024 bytes.
    public static func kibibytes(_ count: Int) -> ByteCount { .init(bytes: count << 10) }
    /// So many times 1,048,576 bytes.
    public static func mebibytes(_ count: Int) -> ByteCount { .init(bytes: count << 20) }
    /// No limit.
    public static var unlimited: ByteCount { .init(bytes: .max) }

    /// Fewer bytes are less.
    public static func < (left: ByteCount, right: ByteCount) -> Bool { left.bytes < right.bytes }

    /// In bytes.
    public var description: String { "\(bytes) bytes" }
}

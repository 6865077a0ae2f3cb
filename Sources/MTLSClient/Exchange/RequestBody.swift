package import MTLSCore
package import NIOCore

/// What goes with a request.
public struct RequestBody: Sendable {
    package let buffer: ByteBuffer?

    /// Nothing.
    public static var none: RequestBody { .init(buffer: nil) }

    /// Bytes in memory.
    public static func bytes(_ bytes: some Sequence<UInt8>) -> RequestBody { .init(buffer: ByteBuffer(bytes: bytes)) }

    /// Text, as UTF-8.
    public static func text(_ text: String) -> RequestBody { .init(buffer: ByteBuffer(string: text)) }

    package var length: RequestBodyLength { buffer.map { .known($0.readableBytes) } ?? .empty }
}

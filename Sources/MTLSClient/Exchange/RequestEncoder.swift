import HTTPTypes
import MTLSCore
import NIOCore

/// Writes requests as HTTP/1.1 has them (RFC 9112 §3 and §7.1). What goes out was examined by ``FieldRules``.
enum RequestEncoder {
    static func write(_ head: RequestHead, into buffer: inout ByteBuffer) {
        // One write in place of three for each field: a buffer checks itself each time.
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: head.byteLimit) { head.write(to: $0) }
    }

    /// A piece of a body of unknown length.
    static func chunk(_ piece: ByteBuffer, _ allocator: ByteBufferAllocator) -> ByteBuffer {
        var buffer = allocator.buffer(capacity: piece.readableBytes + 20)
        buffer.writeString(String(piece.readableBytes, radix: 16))
        buffer.writeStaticString("\r\n")
        buffer.writeImmutableBuffer(piece)
        buffer.writeStaticString("\r\n")
        return buffer
    }

    static func lastChunk(trailers: HTTPFields, _ allocator: ByteBufferAllocator) -> ByteBuffer {
        var buffer = allocator.buffer(capacity: 64)
        buffer.writeStaticString("0\r\n")
        write(trailers, into: &buffer)
        return buffer
    }

    private static func write(_ fields: HTTPFields, into buffer: inout ByteBuffer) {
        for field in fields {
            buffer.writeString(field.name.rawName)
            buffer.writeStaticString(": ")
            field.withUnsafeBytesOfValue { _ = buffer.writeBytes($0) }
            buffer.writeStaticString("\r\n")
        }
        buffer.writeStaticString("\r\n")
    }
}

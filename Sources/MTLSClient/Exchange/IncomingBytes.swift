import HTTPTypes
import MTLSCore
import NIOCore

/// What has arrived on a connection and was not consumed, and the parser that tells what it is.
struct IncomingBytes: ~Copyable {
    enum Piece {
        /// No more until further bytes come; or between two messages.
        case nothing
        case head(ReadHead)
        case body(ByteBuffer)
        case end(trailers: HTTPFields)
    }

    private var parser: ResponseParser
    private var pending = ByteBuffer()

    init(_ parser: consuming ResponseParser) {
        self.parser = parser
    }

    var isEmpty: Bool { pending.readableBytes == 0 }

    /// How many bytes of the body are still to come at least, as far as that is known.
    var expectedBytes: Int { parser.expectedBytes }

    /// Awaits the response to a request of `method`.
    mutating func begin(_ method: HTTPRequest.Method) { parser.begin(method) }

    mutating func append(_ bytes: ByteBuffer) {
        if pending.readableBytes == 0 { pending = bytes } else { pending.writeImmutableBuffer(bytes) }
    }

    /// What comes next.
    mutating func next() throws(MTLSError) -> Piece {
        var result: Result<ResponseParser.Step, MTLSError>?
        pending.withUnsafeReadableBytes { bytes in
            result = Result { () throws(MTLSError) in try parser.next(bytes) }
        }
        guard let step = try result?.get() else { return .nothing }
        pending.moveReaderIndex(forwardBy: step.consumed)
        switch step.event {
        case .needsMore: return .nothing
        case .head(let head): return .head(head)
        case .body(let count):
            // All of it is given away, lest it be copied when more comes.
            if count == pending.readableBytes { return .body(takeRest()) }
            guard let piece = pending.readSlice(length: count) else { return .nothing }
            return .body(piece)
        case .end(let trailers): return .end(trailers: trailers)
        }
    }

    /// Takes what was not consumed.
    mutating func takeRest() -> ByteBuffer {
        defer { pending = ByteBuffer() }
        return pending
    }

    mutating func drop() { pending = ByteBuffer() }
}

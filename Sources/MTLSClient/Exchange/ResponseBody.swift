public import HTTPTypes
import MTLSCore
import NIOCore

/// The body of a response: a sequence of pieces, to be read once.
///
/// Reading by demand slows the server down to the reader's pace. A body that is dropped unread costs its connection,
/// unless the rest of it had arrived.
public struct ResponseBody: AsyncSequence, Sendable {
    /// A piece, as it arrived.
    public typealias Element = Bytes

    enum Storage: Sendable {
        /// It came whole with the head.
        case whole(ByteBuffer, trailers: HTTPFields)
        case stream(BodyStream)
        case pulled(PulledBody)
    }

    let storage: Storage

    /// All of it, if it came with the head: whoever looks here first need not await it.
    package var whole: Bytes? { if case .whole(let buffer, _) = storage { Bytes(buffer) } else { nil } }

    /// The trailer fields (RFC 9110 §6.5) once the body was read to its end; nil before. Those that would have had to
    /// come before the body, such as Content-Length, are left out.
    public var trailers: HTTPFields? {
        switch storage {
        case .whole(_, let trailers): trailers
        case .stream(let stream): stream.trailers
        case .pulled(let body): body.trailers
        }
    }

    /// Reads on from where an earlier iterator stopped.
    public func makeAsyncIterator() -> Iterator { Iterator(storage: storage) }

    /// Reads a body piece by piece.
    public struct Iterator: AsyncIteratorProtocol {
        private var whole: ByteBuffer?
        private var stream: BodyStream?
        private var pulled: PulledBody?

        init(storage: Storage) {
            switch storage {
            case .whole(let buffer, _): whole = buffer.readableBytes > 0 ? buffer : nil
            case .stream(let stream): self.stream = stream
            case .pulled(let body): pulled = body
            }
        }

        /// The next piece, never empty; nil at the end.
        ///
        /// - Throws: ``MTLSError``, with ``MTLSError/Code/responseTruncated`` when the connection ended first.
        public mutating func next() async throws -> Bytes? {
            if let stream { return try await stream.next().map { Bytes($0) } }
            if let pulled { return try await pulled.next().map { Bytes($0) } }
            defer { whole = nil }
            return whole.map { Bytes($0) }
        }
    }

    /// The whole body.
    ///
    /// - Throws: ``MTLSError``, with ``MTLSError/Code/responseTooLarge`` when there are more than `limit` bytes.
    public func collect(upTo limit: ByteCount) async throws -> Bytes {
        if case .whole(let buffer, _) = storage {
            try Self.check(buffer.readableBytes, limit)
            return Bytes(buffer)
        }
        var all = ByteBuffer()
        for try await piece in self {
            try Self.check(all.readableBytes + piece.count, limit)
            all.writeImmutableBuffer(piece.buffer)
        }
        return Bytes(all)
    }

    /// The whole body as text; what is not UTF-8 becomes U+FFFD.
    ///
    /// - Throws: As ``collect(upTo:)``.
    public func text(upTo limit: ByteCount) async throws -> String {
        try await collect(upTo: limit).text
    }

    private static func check(_ count: Int, _ limit: ByteCount) throws(MTLSError) {
        guard count > limit.bytes else { return }
        throw MTLSError(
            .responseTooLarge, phase: .response, fault: .caller, "the response's body has more than \(limit)",
            advice: "allow more, or read it piece by piece")
    }
}

public import HTTPTypes
import NIOCore

extension Response {
    /// A response that no server gave: its ``connection`` has the number 0.
    public init(_ head: HTTPResponse, body: ResponseBody = .bytes([])) {
        self.init(
            head: head, body: body,
            connection: ConnectionInfo(id: 0, requestCount: 0, version: "HTTP/1.1", sharedHandshake: nil))
    }

    /// The same response with another head or body.
    public func replacing(head: HTTPResponse? = nil, body: ResponseBody? = nil) -> Response {
        var response = Response(
            head: head ?? self.head, body: body ?? self.body, connection: connection, upgraded: upgraded)
        response.redirects = redirects
        return response
    }
}

extension ResponseBody {
    /// Bytes in memory.
    public static func bytes(_ bytes: some Sequence<UInt8>) -> ResponseBody {
        ResponseBody(storage: .whole((bytes as? Bytes)?.buffer ?? ByteBuffer(bytes: bytes), trailers: [:]))
    }

    /// Pieces that are made while the body is read, perhaps of another body: a dropped reference to that one abandons it.
    /// Empty pieces are passed over.
    public static func stream<Chunks: AsyncSequence & Sendable>(_ chunks: Chunks) -> ResponseBody
    where Chunks.Element: Sequence<UInt8> {
        let source = PieceSource(chunks)
        return ResponseBody(storage: .pulled(PulledBody { try await source.next() }))
    }

    /// Reads on to the end if that is near, so that the connection can serve on. Else the body's last reference takes the
    /// connection with it.
    func discard() async {
        if case .whole = storage { return }
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                var count = 0
                do {
                    for try await piece in self {
                        count += piece.count
                        if count > 1 << 16 { return }
                    }
                } catch {
                    // Then the connection is gone as well.
                }
            }
            group.addTask { try? await Task.sleep(for: .seconds(1)) }
            await group.next()
            group.cancelAll()
        }
    }
}

/// The iterator of a sequence. Used by one task at a time.
private final class PieceSource<Chunks: AsyncSequence> where Chunks.Element: Sequence<UInt8> {
    private let chunks: Chunks
    private var iterator: Chunks.AsyncIterator

    init(_ chunks: Chunks) {
        self.chunks = chunks
        iterator = chunks.makeAsyncIterator()
    }

    func next() async throws -> BodyPiece {
        while let chunk = try await iterator.next(isolation: #isolation) {
            let buffer = (chunk as? Bytes)?.buffer ?? ByteBuffer(bytes: chunk)
            if buffer.readableBytes > 0 { return .bytes(buffer) }
        }
        return .end(trailers: (chunks as? ResponseBody)?.trailers ?? [:])
    }
}

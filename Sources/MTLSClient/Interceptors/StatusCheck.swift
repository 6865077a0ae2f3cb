public import HTTPTypes
import MTLSCore
import NIOCore

/// An interceptor for which a status of 400 and above is an error: ``MTLSError/Code/responseStatus``, with a
/// ``StatusError`` as ``MTLSError/underlying``.
public struct StatusCheck: Interceptor {
    private let excerpt: ByteCount

    /// - Parameter excerpt: How much of the body the error keeps.
    public init(excerpt: ByteCount = .kibibytes(4)) {
        self.excerpt = excerpt
    }

    /// Throws instead of returning such a response.
    public func intercept(_ request: OutgoingRequest, next: NextInterceptor) async throws -> Response {
        let response = try await next(request)
        guard response.status.code >= 400 else { return response }
        let error = StatusError(head: response.head, excerpt: await Self.start(of: response.body, upTo: excerpt))
        await response.body.discard()
        throw MTLSError(
            .responseStatus, phase: .response, fault: response.status.code < 500 ? .caller : .peer,
            "\(request.origin.endpoint) answered \(request.head.method.rawValue) with status \(response.status.code)",
            origin: request.origin.description, underlying: error)
    }

    private static func start(of body: ResponseBody, upTo limit: ByteCount) async -> Bytes {
        var start = ByteBuffer()
        do {
            for try await piece in body {
                let room = max(0, limit.bytes - start.readableBytes)
                start.writeImmutableBuffer(
                    piece.buffer.getSlice(at: piece.buffer.readerIndex, length: min(room, piece.count)) ?? ByteBuffer())
                if start.readableBytes >= limit.bytes { break }
            }
        } catch {
            // What there is will do.
        }
        return Bytes(start)
    }
}

/// A response whose status says that the request failed.
public struct StatusError: Error, Sendable {
    /// Status and fields.
    public let head: HTTPResponse
    /// The start of the body. It is the server's, unexamined.
    public let excerpt: Bytes
}

public import HTTPTypes
package import MTLSCore
import NIOCore
import Synchronization

/// What goes with a request.
///
/// A body in memory, of a file, or made by ``restartable(length:trailers:_:)`` can be sent once more when a kept connection turns
/// out to be dead; one of ``stream(_:length:trailers:)`` only as long as nothing of it was taken.
public struct RequestBody: Sendable {
    enum Storage: Sendable {
        case none
        case bytes(ByteBuffer)
        case file(String)
        case produced(Production)
    }

    /// A body that is made while it is sent.
    struct Production: Sendable {
        let length: Int?
        let isRestartable: Bool
        /// Writes the body, piece by piece, and returns the trailer fields.
        let run: @Sendable (RequestBodyWriter) async throws -> HTTPFields
    }

    let storage: Storage

    /// Nothing.
    public static var none: RequestBody { .init(storage: .none) }

    /// Bytes in memory.
    public static func bytes(_ bytes: some Sequence<UInt8>) -> RequestBody {
        .init(storage: .bytes((bytes as? Bytes)?.buffer ?? ByteBuffer(bytes: bytes)))
    }

    /// Text, as UTF-8.
    public static func text(_ text: String) -> RequestBody { .init(storage: .bytes(ByteBuffer(string: text))) }

    /// The contents of a file, read while they are sent. A regular file's length is sent with the head, and a file that
    /// changes its length meanwhile fails the request; of a pipe the length is unknown.
    public static func file(_ path: String) -> RequestBody { .init(storage: .file(path)) }

    /// Pieces that come while they are sent. The next one is taken when the connection has room.
    ///
    /// - Parameters:
    ///   - chunks: The pieces. An error of theirs fails the request with ``MTLSError/Code/requestBodyFailed``.
    ///   - length: How many bytes they are together. Without it they are sent chunked (RFC 9112 §7.1); with it, more or
    ///     fewer bytes fail the request.
    ///   - trailers: Asked for trailer fields (RFC 9110 §6.5) after the last piece; they are sent only without a length.
    public static func stream<Chunks: AsyncSequence & Sendable>(
        _ chunks: Chunks, length: Int? = nil, trailers: (@Sendable () async throws -> HTTPFields)? = nil
    ) -> RequestBody where Chunks.Element: Sequence<UInt8> {
        let isSpent = OneTime()
        return produced(length, isRestartable: false, trailers) {
            guard isSpent.claim() else {
                throw MTLSError(
                    .requestInvalid, phase: .request, fault: .caller, "a body that is a stream was sent before",
                    advice: "make a body for each request, or use RequestBody.restartable")
            }
            return chunks
        }
    }

    /// As ``stream(_:length:trailers:)``, of pieces that can be had again from the start.
    ///
    /// - Parameters:
    ///   - length: How many bytes they are together.
    ///   - trailers: Asked for trailer fields after the last piece.
    ///   - make: Called each time the body is sent.
    public static func restartable<Chunks: AsyncSequence & Sendable>(
        length: Int? = nil, trailers: (@Sendable () async throws -> HTTPFields)? = nil,
        _ make: @escaping @Sendable () async throws -> Chunks
    ) -> RequestBody where Chunks.Element: Sequence<UInt8> {
        produced(length, isRestartable: true, trailers, make)
    }

    private static func produced<Chunks: AsyncSequence & Sendable>(
        _ length: Int?, isRestartable: Bool, _ trailers: (@Sendable () async throws -> HTTPFields)?,
        _ make: @escaping @Sendable () async throws -> Chunks
    ) -> RequestBody where Chunks.Element: Sequence<UInt8> {
        let production = Production(length: length, isRestartable: isRestartable) { writer in
            for try await chunk in try await make() {
                try await writer.write((chunk as? Bytes)?.buffer ?? ByteBuffer(bytes: chunk))
            }
            return try await trailers?() ?? [:]
        }
        return RequestBody(storage: .produced(production))
    }
}

extension RequestBody {
    /// How long it is, as far as that is known before a file is looked at.
    package var length: RequestBodyLength {
        switch storage {
        case .none: .empty
        case .bytes(let buffer): .known(buffer.readableBytes)
        case .file: .unknown
        case .produced(let production): production.length.map { .known($0) } ?? .unknown
        }
    }

    /// Whether it can be sent again after some of it was. A file is looked at.
    ///
    /// - Throws: ``MTLSError`` with ``MTLSError/Code/requestBodyFailed``.
    public var isReplayable: Bool {
        get async throws { try await prepared().isRestartable }
    }

    /// How long it is when it is sent: a file is looked at.
    package func examinedLength() async throws -> RequestBodyLength { try await prepared().length }

    /// What ``prepared()`` returns, where nothing has to be looked at.
    var preparedAtOnce: PreparedBody? {
        switch storage {
        case .none: PreparedBody.none
        case .bytes(let buffer): .bytes(buffer)
        case .produced(let production): .produced(production)
        case .file: nil
        }
    }

    /// The body with all that has to be known before the head is sent: a file is looked at.
    func prepared() async throws -> PreparedBody {
        if let ready = preparedAtOnce { return ready }
        guard case .file(let path) = storage else { return .none }
        return .produced(try await FileBody.production(path))
    }
}

/// A body on its way through the pool.
enum PreparedBody: Sendable {
    case none
    case bytes(ByteBuffer)
    case produced(RequestBody.Production)

    var length: RequestBodyLength {
        switch self {
        case .none: .empty
        case .bytes(let buffer): .known(buffer.readableBytes)
        case .produced(let production): production.length.map { .known($0) } ?? .unknown
        }
    }

    /// Whether it can be sent again after some of it was.
    var isRestartable: Bool {
        if case .produced(let production) = self { production.isRestartable } else { true }
    }
}

/// Something that may be taken once.
private final class OneTime: Sendable {
    private let isTaken = Atomic(false)

    func claim() -> Bool { !isTaken.exchange(true, ordering: .relaxed) }
}

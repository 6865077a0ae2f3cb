import HTTPTypes
import MTLSCore
import NIOCore
import Synchronization

/// A body that is made while it is read.
final class PulledBody: Sendable {
    private let isBeingRead = Atomic(false)
    private nonisolated(unsafe) let pull: () async throws -> ByteBuffer?  // safe: `isBeingRead` admits one task at a time
    private let lastFields: @Sendable () -> HTTPFields?

    /// - Parameters:
    ///   - trailers: The trailer fields, once there are some.
    ///   - pull: The next piece, never empty; nil at the end. Called by one task at a time.
    init(trailers: @escaping @Sendable () -> HTTPFields?, _ pull: sending @escaping () async throws -> ByteBuffer?) {
        self.pull = pull
        lastFields = trailers
    }

    var trailers: HTTPFields? { lastFields() }

    func next() async throws -> ByteBuffer? {
        guard !isBeingRead.exchange(true, ordering: .acquiring) else {
            throw MTLSError(
                .requestInvalid, phase: .response, fault: .caller, "a response's body is read by two tasks at once")
        }
        defer { isBeingRead.store(false, ordering: .releasing) }
        return try await pull()
    }
}

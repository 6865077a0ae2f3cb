import HTTPTypes
import MTLSCore
import NIOCore
import Synchronization

/// A body that is made while it is read.
final class PulledBody: Sendable {
    typealias Pull = () async throws -> BodyPiece

    private let isBeingRead = Atomic(false)
    private nonisolated(unsafe) var pull: Pull?  // safe: `isBeingRead` admits one task at a time
    private let outcome = Mutex<Result<HTTPFields, any Error>?>(nil)

    /// - Parameter pull: The next piece, never empty. Called by one task at a time, and let go after the end or an error:
    ///   what it reads from is then abandoned, whoever holds the body.
    init(_ pull: sending @escaping Pull) {
        self.pull = pull
    }

    var trailers: HTTPFields? {
        guard case .success(let trailers) = outcome.withLock({ $0 }) else { return nil }
        return trailers
    }

    func next() async throws -> ByteBuffer? {
        guard !isBeingRead.exchange(true, ordering: .acquiring) else {
            throw MTLSError(
                .requestInvalid, phase: .response, fault: .caller, "a response's body is read by two tasks at once")
        }
        defer { isBeingRead.store(false, ordering: .releasing) }
        guard let pull else {
            _ = try outcome.withLock { $0 }?.get()
            return nil
        }
        do {
            switch try await pull() {
            case .bytes(let bytes): return bytes
            case .end(let trailers): end(.success(trailers))
            }
        } catch {
            end(.failure(error))
            throw error
        }
        return nil
    }

    private func end(_ result: Result<HTTPFields, any Error>) {
        pull = nil
        outcome.withLock { $0 = result }
    }
}

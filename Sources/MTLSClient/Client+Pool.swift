import MTLSCore
import NIOCore

extension Client {
    /// How the client stands, and what it has done so far. Asking costs its event loop a microsecond.
    public var statistics: ClientStatistics {
        get async {
            // The pool always answers.
            (try? await ask { pool, answer in answer.succeed(pool.statistics) }) ?? ClientStatistics()
        }
    }

    /// Makes connections before there are requests for them, until there are `count` of them, idle ones and those in use
    /// counted; never more than ``ClientSettings/connectionLimit``.
    ///
    /// With a key in a token each new connection costs a signature, and perhaps a touch, unless it resumes a session. A
    /// connection that no request takes is closed after ``ClientSettings/idleTimeout``. Cancelling the task ends the
    /// waiting, not the connecting.
    ///
    /// - Returns: How many connections there are when all attempts have ended. It is less than `count` above the limit, or
    ///   while connections fail.
    /// - Throws: ``MTLSError``: the first failure of an attempt. What the other attempts made is kept.
    @discardableResult
    public func warm(_ count: Int) async throws -> Int {
        let cancelled = MTLSError(
            .cancelled, phase: .connect, fault: .caller, "the wait for connections was cancelled",
            origin: origin.description)
        return try await ask(cancelled: cancelled) { pool, answer in pool.warm(count, answer) }
    }

    /// Calls `report` with the time since when there has been neither a request nor a connection, whenever that has lasted
    /// for `span`.
    func watchEmptiness(for span: Duration, _ report: @escaping @Sendable (Deadline) -> Void) {
        tell { pool in pool.watchEmptiness(for: span, report) }
    }
}

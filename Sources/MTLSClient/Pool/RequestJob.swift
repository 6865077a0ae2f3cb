import HTTPTypes
import MTLSCore
import NIOCore
import Synchronization

/// One request on its way through the pool.
///
/// Made on the caller's thread, then owned by the loop: of its variables only `isCancelled` is touched elsewhere.
final class RequestJob: @unchecked Sendable {  // safe: all but the atomic belongs to the loop once submitted
    let head: RequestHead
    let body: PreparedBody
    let timeouts: Timeouts
    /// Told of interim responses, on the loop.
    let informational: (@Sendable (HTTPResponse) -> Void)?
    /// Whether the caller wants the connection if the server switches protocols.
    let allowsUpgrade: Bool
    let isCancelled = Atomic(false)

    /// The number by which the pool's state machine knows it.
    var id = 0
    /// Its number among the client's requests; it keeps it when it is sent once more.
    var number = 0
    /// When it was submitted.
    var start = Deadline.distantFuture
    /// Whether it was sent once and got lost.
    var wasRetried = false
    /// Where a body that is made while it is sent is made, if the caller runs there, too.
    var executor: LoopExecutor?
    /// The limit of ``Timeouts/request``, if it has one.
    var timer: Scheduled<Void>?
    /// Taken when it is resumed.
    private var continuation: UnsafeContinuation<Response, any Error>?

    init(
        head: RequestHead, body: PreparedBody, timeouts: Timeouts,
        informational: (@Sendable (HTTPResponse) -> Void)? = nil, allowsUpgrade: Bool = false
    ) {
        self.head = head
        self.body = body
        self.timeouts = timeouts
        self.informational = informational
        self.allowsUpgrade = allowsUpgrade
    }

    func begin(_ continuation: UnsafeContinuation<Response, any Error>) {
        self.continuation = continuation
    }

    /// Whether the caller still waits.
    var isPending: Bool { continuation != nil }

    /// Answers the caller; only the first answer counts.
    func succeed(_ response: consuming sending Response) { end()?.resume(returning: response) }

    /// Answers the caller; only the first answer counts.
    func fail(_ error: MTLSError) { end()?.resume(throwing: error) }

    private func end() -> UnsafeContinuation<Response, any Error>? {
        if let timer {
            timer.cancel()
            self.timer = nil
        }
        return continuation.take()
    }
}

public import HTTPTypes

/// Whether and when a request that failed is tried again.
///
/// Only what may be repeated is: methods that are idempotent, with a body that can be had again. Only what may pass is
/// waited out: the network's failures, a server that does not answer in time, and the statuses named here. What a
/// certificate, a PIN, a key or an option is the cause of would fail again, and cost a signature.
public struct RetrySettings: Sendable {
    /// How many further tries there are.
    public var maximum = 3
    /// The longest wait before the first further try; half a second.
    public var minimumDelay = Duration.milliseconds(500)
    /// The longest wait of all; 30 s.
    public var maximumDelay = Duration.seconds(30)
    /// By how much the longest wait grows with each try.
    public var factor = 2.0
    /// Whether the wait is drawn at random between nothing and the longest one, so that many clients do not come back at
    /// once.
    public var isJittered = true
    /// The longest `Retry-After` (RFC 9110 §10.2.3) that is waited for; a server that names a longer one has its response
    /// returned. 60 s.
    public var maximumRetryAfter = Duration.seconds(60)
    /// How long after the first try the last one may begin; nil for no limit but ``Timeouts/request``.
    public var maximumTime: Duration?
    /// The statuses that may pass.
    public var statuses: Set<Int> = [429, 500, 502, 503, 504]
    /// The methods that may be repeated.
    public var methods: Set<HTTPRequest.Method> = [.get, .head, .options, .trace, .put, .delete]
    /// Told before each wait.
    public var willRetry: (@Sendable (RetryNotice) -> Void)?

    /// The defaults, with so many further tries.
    public init(maximum: Int = 3) {
        self.maximum = maximum
    }
}

/// A further try that is about to be made.
public struct RetryNotice: Sendable {
    /// Why the last one will not do.
    public enum Reason: Sendable {
        /// It was answered with this status.
        case status(HTTPResponse.Status)
        /// It failed.
        case error(MTLSError)
    }
    /// Why the last one will not do.
    public let reason: Reason
    /// How many tries there were.
    public let tries: Int
    /// How many may follow.
    public let left: Int
    /// How long from now the next one is.
    public let delay: Duration

    package init(reason: Reason, tries: Int, left: Int, delay: Duration) {
        self.reason = reason
        self.tries = tries
        self.left = left
        self.delay = delay
    }
}

public import protocol CoreMetrics.MetricsFactory
public import MTLSCore
public import protocol Tracing.Tracer

/// How a client uses its connections.
public struct ClientSettings: Sendable {
    /// How long each step of a request may take.
    public var timeouts = Timeouts()
    /// How many connections an origin may have at once.
    public var connectionLimit = 8
    /// How many requests may wait for a connection; nil for no limit.
    public var queueLimit: Int?
    /// How long after it was made a connection may take up a request; nil for no limit.
    public var maximumConnectionAge: Duration?
    /// How many requests a connection may serve; nil for no limit.
    public var maximumRequestsPerConnection: Int?
    /// How long a connection may idle when the server gives no hint (`Keep-Alive: timeout`); nil means 4 seconds, or 60
    /// when the client's key is in a token, since a new connection costs a signature there. Zero keeps none.
    public var idleTimeout: Duration?

    /// How many bytes a response's head may have, all interim heads before it together, and its trailer section.
    public var maximumResponseHead = ByteCount.kibibytes(16)

    /// What stands between the caller and all that follows, the outermost first.
    public var interceptors: [any Interceptor] = []
    /// Whether redirects are followed; nil returns them like any response. Those to another origin need an ``Agent``.
    public var redirects: RedirectSettings?
    /// Whether a request that failed is tried again; nil for no.
    public var retries: RetrySettings?
    /// Whether compressed responses are asked for, and decompressed; nil for no. The codings are gzip and deflate, and
    /// br and zstd where libbrotlidec and libzstd are installed.
    public var decompression: DecompressionSettings?

    /// Told of what becomes of connections and requests.
    public var observer: (any ClientObserver)?
    /// Where metrics go; nil means the factory that swift-metrics was bootstrapped with when the client was made.
    public var metrics: (any MetricsFactory)?
    /// What makes a span of each request; nil means what swift-distributed-tracing was bootstrapped with when the request
    /// is made.
    public var tracer: (any Tracer)?

    /// The defaults.
    public init() {}
}

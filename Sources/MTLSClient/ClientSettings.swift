public import MTLSCore

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
    /// How long a connection may idle when the server gives no hint; nil means 4 seconds, or 60 when the client's key is
    /// in a token, since a new connection costs a signature there.
    public var idleTimeout: Duration?

    /// What stands between the caller and all that follows, the outermost first.
    public var interceptors: [any Interceptor] = []
    /// Whether redirects are followed; nil returns them like any response. Those to another origin need an ``Agent``.
    public var redirects: RedirectSettings?
    /// Whether a request that failed is tried again; nil for no.
    public var retries: RetrySettings?
    /// Whether compressed responses are asked for, and decompressed; nil for no. The codings are gzip and deflate, and
    /// br and zstd where libbrotlidec and libzstd are installed.
    public var decompression: DecompressionSettings?

    /// The defaults.
    public init() {}
}

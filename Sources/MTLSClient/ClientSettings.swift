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

    /// How many bytes a response's head may have, all interim heads before it together, and its trailer section.
    public var maximumResponseHead = ByteCount.kibibytes(16)

    /// The defaults.
    public init() {}
}

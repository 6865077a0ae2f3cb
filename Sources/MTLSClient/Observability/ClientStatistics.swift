/// How a client, or an agent with all its clients, stands at one moment, and what it has done so far.
public struct ClientStatistics: Hashable, Sendable {
    /// Attempts to connect that are under way.
    public internal(set) var connecting = 0
    /// Connections, idle or in use.
    public internal(set) var connected = 0
    /// Connections that wait for a request.
    public internal(set) var idle = 0
    /// Requests that wait for a connection.
    public internal(set) var pending = 0
    /// Requests that run on a connection, the bodies of their responses included.
    public internal(set) var running = 0

    /// Requests that were begun.
    public internal(set) var requests = 0
    /// Requests that failed, the cancelled ones included.
    public internal(set) var failedRequests = 0
    /// Requests that were sent once more since their connection was stale.
    public internal(set) var retries = 0
    /// Connections that were made.
    public internal(set) var connections = 0
    /// Attempts to connect that failed or were given up.
    public internal(set) var failedConnections = 0
    /// Full TLS handshakes with the origin.
    public internal(set) var fullHandshakes = 0
    /// TLS handshakes that resumed an earlier session, for which nothing is signed.
    public internal(set) var resumedHandshakes = 0
    /// Full handshakes in which the client's key signed, wherever it is held.
    public internal(set) var signatures = 0

    static func += (sum: inout ClientStatistics, other: ClientStatistics) {
        sum.connecting += other.connecting
        sum.connected += other.connected
        sum.idle += other.idle
        sum.pending += other.pending
        sum.running += other.running
        sum.requests += other.requests
        sum.failedRequests += other.failedRequests
        sum.retries += other.retries
        sum.connections += other.connections
        sum.failedConnections += other.failedConnections
        sum.fullHandshakes += other.fullHandshakes
        sum.resumedHandshakes += other.resumedHandshakes
        sum.signatures += other.signatures
    }
}

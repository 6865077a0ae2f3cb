public import GnuTLSNIO
public import MTLSCore

/// Told of what becomes of a client's connections and requests, as it happens.
///
/// Each function is called on the client's event loop and must not block; what takes its time belongs into a task. Of one
/// connection, ``connecting(_:)`` comes first, then ``connectFailed(_:error:after:)`` or
/// ``connected(_:handshake:after:)``, and after the latter once ``closed(_:reason:error:)``.
public protocol ClientObserver: Sendable {
    /// A connection is being made.
    func connecting(_ connection: ConnectionName)

    /// A connection was not made.
    ///
    /// - Parameter after: Since ``connecting(_:)``.
    func connectFailed(_ connection: ConnectionName, error: MTLSError, after: Duration)

    /// A connection was made.
    ///
    /// - Parameters:
    ///   - handshake: What came of its TLS handshake, with the time that it and the signature took; nil over plaintext.
    ///   - after: Since ``connecting(_:)``.
    func connected(_ connection: ConnectionName, handshake: HandshakeSummary?, after: Duration)

    /// A connection is gone.
    ///
    /// - Parameter error: What it broke of, if `reason` is ``ConnectionEnd/failed``.
    func closed(_ connection: ConnectionName, reason: ConnectionEnd, error: MTLSError?)

    /// A request is sent once more, since the connection that it went over first was stale.
    func retried(_ request: RequestName, error: MTLSError)

    /// A request is over: its response was read to the end, or it failed.
    ///
    /// - Parameters:
    ///   - status: The response's, if its head had come.
    ///   - error: Why it failed; nil if it did not.
    ///   - after: Since the call.
    func ended(_ request: RequestName, status: Int?, error: MTLSError?, after: Duration)
}

extension ClientObserver {
    /// Does nothing.
    public func connecting(_ connection: ConnectionName) {}
    /// Does nothing.
    public func connectFailed(_ connection: ConnectionName, error: MTLSError, after: Duration) {}
    /// Does nothing.
    public func connected(_ connection: ConnectionName, handshake: HandshakeSummary?, after: Duration) {}
    /// Does nothing.
    public func closed(_ connection: ConnectionName, reason: ConnectionEnd, error: MTLSError?) {}
    /// Does nothing.
    public func retried(_ request: RequestName, error: MTLSError) {}
    /// Does nothing.
    public func ended(_ request: RequestName, status: Int?, error: MTLSError?, after: Duration) {}
}

/// A connection, from its first attempt to its end.
public struct ConnectionName: Hashable, Sendable {
    /// Where it leads.
    public let origin: Origin
    /// A number that no other connection of the client has; that of ``Response/ConnectionInfo/id``.
    public let id: Int
}

/// A request, with what may be told of it: neither its query nor its fields.
public struct RequestName: Hashable, Sendable {
    /// Where it goes.
    public let origin: Origin
    /// A number that no other request of the client has.
    public let id: Int
    /// Its method.
    public let method: String
    /// Its path, without the query.
    public let path: String
}

/// Why a connection was closed. The raw values are labels of metrics.
public enum ConnectionEnd: String, Hashable, Sendable, CaseIterable {
    /// The server closed it between two requests.
    case closedByServer
    /// It, or the exchange on it, failed.
    case failed
    /// Request or response did not allow another one to follow.
    case notReusable
    /// It idled too long, reached its age or number of requests, was distrusted, or showed an identity that was replaced.
    case expired
    /// The server sent what nobody had asked for.
    case unaskedBytes
    /// The client was shut down.
    case shutdown
    /// It speaks another protocol from here on, and belongs to the caller.
    case handedOver
}

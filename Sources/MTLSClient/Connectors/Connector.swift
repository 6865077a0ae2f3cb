public import GnuTLSNIO
public import Logging
public import MTLSCore
public import MTLSIdentity
public import NIOCore

/// Makes connections. A connector may wrap another one, replace it, or delegate to it.
///
/// What it throws reaches every request that waits for the connection. It should keep to the limits in
/// ``ConnectContext/timeouts``; an attempt that takes more than twice the sum of all three is given up, and cancelled.
///
/// It runs on the connection's event loop, and must not block.
public protocol Connector: Sendable {
    /// Makes a connection to `endpoint`.
    ///
    /// - Returns: A connection whose channel lives on `context.eventLoop` and whose reading has not begun: the channel
    ///   option `autoRead` is off.
    func connect(to endpoint: Endpoint, context: ConnectContext) async throws -> Connection
}

/// What a connector is told of the connection that it makes.
public struct ConnectContext: Sendable {
    /// The loop that the connection's channel must live on.
    public let eventLoop: any EventLoop
    /// The origin that the connection is for in the end, whatever lies between.
    public let origin: Origin
    /// Who named that origin: what only a redirect names is shown an identity only by a rule that names its host.
    public var reachedBy = ReachedBy.caller
    /// The limits that concern connecting: ``Timeouts/connect``, ``Timeouts/handshake`` and ``Timeouts/signature``.
    public var timeouts: Timeouts
    /// For what is worth saying, at `info` at most, without secrets. What is wrong with the set-up may be a warning, once.
    public var logger: Logger

    package init(eventLoop: any EventLoop, origin: Origin, timeouts: Timeouts, logger: Logger) {
        self.eventLoop = eventLoop
        self.origin = origin
        self.timeouts = timeouts
        self.logger = logger
    }
}

/// A connection that a connector made.
public struct Connection: Sendable {
    /// What is known of the other side.
    public enum Security: Sendable {
        /// Nothing: anybody may have answered, and anybody may listen.
        case plaintext
        /// It has proved this name by a certificate that was verified.
        case authenticated(name: String)
    }

    /// The bytes, in and out.
    public let channel: any Channel
    /// What is known of the other side. A request to an https origin is sent only over an authenticated connection.
    public let security: Security
    /// What came of the TLS handshake, if there was one.
    public let handshake: HandshakeSummary?
    /// The identity that was shown, or those that could still be. When another takes the place of one of them, the
    /// connection ends with the request that runs on it.
    public let identities: [ClientIdentity]

    /// Describes a connection. A connector that wraps another one passes on what that one said.
    ///
    /// - Parameter security: Must be true. A connector that says `authenticated` without having verified the certificate
    ///   hands the requests to whoever answered.
    public init(
        channel: any Channel, security: Security = .plaintext, handshake: HandshakeSummary? = nil,
        identities: [ClientIdentity] = []
    ) {
        self.channel = channel
        self.identities = identities
        self.security = security
        self.handshake = handshake
    }
}

/// How a proxy is asked for a tunnel: what is said, and what is made of the answers.
///
/// A conversation in turns. The machine sees no secrets: where credentials are due it says so.
package protocol TunnelNegotiation: Sendable {
    /// What to say first.
    mutating func start() -> TunnelStep
    /// Takes what the proxy said, cut anywhere.
    mutating func received(_ bytes: [UInt8]) throws(MTLSError) -> TunnelStep
    /// The proxy has closed the connection, or its time is over: why there is no tunnel.
    ///
    /// - Parameter limit: The time that it had; nil when it closed the connection.
    mutating func ended(after limit: Duration?) -> MTLSError
}

/// What comes next in a negotiation.
package enum TunnelStep: Sendable, Equatable {
    case say([UInt8])
    /// Say user and password, in the form that the protocol demands.
    case sayCredentials
    /// Wait for more.
    case listen
    /// The tunnel is there. The bytes came from its other end already.
    case open(rest: [UInt8])
}

/// The two ends of a tunnel, as errors name them.
package struct TunnelEnds: Sendable {
    /// The proxy, as `http://host:port`.
    package let proxy: String
    /// Where the tunnel is to lead.
    package let target: Endpoint

    package init(proxy: String, target: Endpoint) {
        self.proxy = proxy
        self.target = target
    }

    func malformed(_ what: String, underlying: (any Error)? = nil) -> MTLSError {
        MTLSError(
            .proxyMalformed, phase: .proxy, fault: .peer, "the proxy \(proxy) \(what)",
            advice: "see whether it is a proxy, and of the kind that its URL says", underlying: underlying)
    }

    func closed(underlying: (any Error)? = nil) -> MTLSError {
        MTLSError(
            .proxyMalformed, phase: .proxy, fault: .peer,
            "the proxy \(proxy) closed the connection before it had made a tunnel to \(target)", underlying: underlying)
    }

    func timeout(_ limit: Duration) -> MTLSError {
        MTLSError(
            .timeoutConnect, phase: .proxy, fault: .network,
            "the proxy \(proxy) made no tunnel to \(target) within \(limit.forPeople)",
            advice: "see whether the target is right and the proxy can reach it, or raise Timeouts.connect")
    }
}

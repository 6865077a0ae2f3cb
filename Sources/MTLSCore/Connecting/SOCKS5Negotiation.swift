/// Asks a SOCKS5 proxy for a tunnel (RFC 1928), with user and password where it wants them (RFC 1929).
package struct SOCKS5Negotiation: TunnelNegotiation {
    /// Where the tunnel is to lead.
    package enum Target: Sendable, Equatable {
        /// A name that the proxy resolves; at most 255 bytes.
        case name(String)
        case address(IPAddress)
    }

    private enum State: Equatable { case method, credentials, reply }

    private static let version: UInt8 = 5
    private let ends: TunnelEnds
    private let target: Target
    private let hasCredentials: Bool
    private var state = State.method
    private var buffer: [UInt8] = []

    /// - Throws: The code `url.invalid` for a name that SOCKS has no room for.
    package init(_ ends: TunnelEnds, target: Target, hasCredentials: Bool) throws(MTLSError) {
        if case .name(let name) = target, !(1...255).contains(name.utf8.count) {
            throw MTLSError(
                .urlInvalid, phase: .proxy, fault: .caller,
                "the host “\(name.prefix(40))…” cannot be asked of a SOCKS5 proxy: a name has 1 to 255 bytes there")
        }
        self.ends = ends
        self.target = target
        self.hasCredentials = hasCredentials
    }

    package mutating func start() -> TunnelStep {
        .say(hasCredentials ? [Self.version, 2, 0, 2] : [Self.version, 1, 0])
    }

    package mutating func received(_ bytes: [UInt8]) throws(MTLSError) -> TunnelStep {
        buffer += bytes
        switch state {
        case .method: return try method()
        case .credentials: return try verdict()
        case .reply: return try reply()
        }
    }

    package mutating func ended(after limit: Duration?) -> MTLSError {
        limit.map(ends.timeout) ?? ends.closed(underlying: SOCKS5Failure())
    }

    private mutating func method() throws(MTLSError) -> TunnelStep {
        guard let version = buffer.first else { return .listen }
        guard version == Self.version else { throw odd(version) }
        guard buffer.count >= 2 else { return .listen }
        let method = buffer[1]
        try clear(2)
        switch method {
        case 0: return request()
        case 2 where hasCredentials:
            state = .credentials
            return .sayCredentials
        case 0xFF:
            throw denied(
                hasCredentials
                    ? "accepts neither user and password nor a connection without"
                    : "demands credentials, or another way of authentication",
                advice: hasCredentials ? nil : "give a user and a password for the proxy")
        default: throw malformed("chose the authentication method \(method), which was not offered")
        }
    }

    private mutating func verdict() throws(MTLSError) -> TunnelStep {
        guard let version = buffer.first else { return .listen }
        guard version == 1 else { throw malformed("answered user and password with version \(version) in place of 1") }
        guard buffer.count >= 2 else { return .listen }
        guard buffer[1] == 0 else { throw denied("refused the credentials", advice: "check user and password") }
        try clear(2)
        return request()
    }

    private mutating func request() -> TunnelStep {
        state = .reply
        var message: [UInt8] = [Self.version, 1, 0]
        switch target {
        case .name(let name): message += [3, UInt8(truncatingIfNeeded: name.utf8.count)] + Array(name.utf8)
        case .address(let address): message += [address.isIPv6 ? 4 : 1] + address.bytes
        }
        let port = UInt16(truncatingIfNeeded: ends.target.port)
        return .say(message + [UInt8(truncatingIfNeeded: port >> 8), UInt8(truncatingIfNeeded: port)])
    }

    private mutating func reply() throws(MTLSError) -> TunnelStep {
        guard let version = buffer.first else { return .listen }
        guard version == Self.version else { throw odd(version) }
        guard buffer.count >= 2 else { return .listen }
        // Proxies cut short the reply that says no.
        guard buffer[1] == 0 else { throw SOCKS5Failure(reply: buffer[1]).error(ends) }
        guard buffer.count >= 5 else { return .listen }
        let addressLength: Int
        switch buffer[3] {
        case 1: addressLength = 4
        case 3: addressLength = 1 + Int(buffer[4])
        case 4: addressLength = 16
        case let type: throw malformed("bound an address of the unknown type \(type)")
        }
        let length = 4 + addressLength + 2
        guard buffer.count >= length else { return .listen }
        return .open(rest: Array(buffer[length...]))
    }

    /// Takes a message off the buffer. It is our turn then, so nothing may follow.
    private mutating func clear(_ count: Int) throws(MTLSError) {
        guard buffer.count == count else { throw malformed("spoke out of turn") }
        buffer = []
    }

    private func odd(_ version: UInt8) -> MTLSError {
        switch version {
        case UInt8(ascii: "H"): malformed("answered in HTTP: its URL is to begin with http")
        case 0x14...0x17: malformed("answered in TLS, which SOCKS proxies do not speak")
        case 0, 4: malformed("answered in SOCKS4, which is not supported")
        default: malformed("answered with version \(version) in place of 5")
        }
    }

    private func malformed(_ what: String) -> MTLSError { ends.malformed(what, underlying: SOCKS5Failure()) }

    private func denied(_ what: String, advice: String?) -> MTLSError {
        MTLSError(
            .proxyAuthenticationRequired, phase: .proxy, fault: .caller, "the proxy \(ends.proxy) \(what)",
            advice: advice, underlying: SOCKS5Failure())
    }
}

/// Beneath the errors of SOCKS proxies, so that they can be told from those of HTTP proxies.
package struct SOCKS5Failure: Error, Hashable {
    /// The reply that said no (RFC 1928 §6), if one came.
    package var reply: UInt8?

    package init(reply: UInt8? = nil) { self.reply = reply }

    /// Whether another address of the target may fare better.
    package var concernsAddress: Bool { reply.map { [3, 4, 5, 6, 8].contains($0) } ?? false }

    func error(_ ends: TunnelEnds) -> MTLSError {
        MTLSError(
            .proxyRefused, phase: .proxy, fault: reply == 2 ? .peer : .network,
            "the proxy \(ends.proxy) made no tunnel to \(ends.target): \(text)", underlying: self)
    }

    private var text: String {
        switch reply {
        case 1?: "general failure of the proxy"
        case 2?: "its rules do not allow the connection"
        case 3?: "the network is unreachable"
        case 4?: "the host is unreachable, or its name is unknown"
        case 5?: "the connection was refused"
        case 6?: "the time to live expired"
        case 7?: "it does not support the command CONNECT"
        case 8?: "it does not support addresses of this type"
        case let reply?: "it gave the unknown reason \(reply)"
        case nil: "it gave no reason"
        }
    }
}

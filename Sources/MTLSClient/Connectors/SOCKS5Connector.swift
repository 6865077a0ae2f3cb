public import MTLSCore
import SecretMemory

/// Makes tunnels through a SOCKS5 proxy (RFC 1928), with a user and a password if need be (RFC 1929).
public struct SOCKS5Connector: Connector {
    private let tunnel: Tunnel
    private let resolver: any Resolver
    private let password: ProxyPassword?

    /// Makes a connector.
    ///
    /// - Parameters:
    ///   - proxy: Where it is: a `socks5` URL, or `socks5h`, which has the proxy resolve names.
    ///   - resolver: Finds the addresses of names for `socks5`.
    ///   - transport: Makes the connections to the proxy.
    /// - Throws: ``MTLSError`` with the code ``MTLSError/Code/tlsOptionsInvalid`` for another kind of proxy, and for a
    ///   user that RFC 1929 has no room for.
    public init(
        _ proxy: Proxy, resolver: any Resolver = SystemResolver(), over transport: any Connector = TCPConnector()
    ) throws(MTLSError) {
        func refusal(_ reason: String) -> MTLSError {
            MTLSError(.tlsOptionsInvalid, phase: .prepare, fault: .caller, "the proxy \(proxy) \(reason)")
        }
        guard [.socks5, .socks5h].contains(proxy.kind) else { throw refusal("is no SOCKS5 proxy") }
        if let user = proxy.credentials?.user, !(1...255).contains(user.utf8.count) {
            throw refusal("cannot be given this user: a name has 1 to 255 bytes there")
        }
        tunnel = Tunnel(proxy: proxy, transport: transport)
        self.resolver = resolver
        password = proxy.credentials.map { ProxyPassword($0, proxy: proxy.description) }
    }

    /// Connects to the proxy and asks it for a tunnel to `endpoint`: by its name (`socks5h`), or by its addresses, one
    /// after the other, over a new connection each, while the proxy says that they cannot be reached.
    ///
    /// - Throws: As ``HTTPProxyConnector/connect(to:context:)``.
    public func connect(to endpoint: Endpoint, context: ConnectContext) async throws -> Connection {
        var targets = try await targets(for: endpoint, context)[...]
        let credentials = try await credentials()
        while let target = targets.popFirst() {
            let negotiation = try SOCKS5Negotiation(
                TunnelEnds(proxy: tunnel.proxy.description, target: endpoint), target: target,
                hasCredentials: password != nil)
            do {
                return try await tunnel.open(negotiation, credentials: credentials, context: context)
            } catch let error as MTLSError {
                let mayFareBetter = (error.underlying as? SOCKS5Failure)?.concernsAddress ?? false
                if targets.isEmpty || !mayFareBetter { throw error }
            }
        }
        throw MTLSError.unresolved(endpoint.host, "it has no address")
    }

    private func targets(
        for endpoint: Endpoint, _ context: ConnectContext
    ) async throws -> [SOCKS5Negotiation.Target] {
        if tunnel.proxy.kind == .socks5h, IPAddress(endpoint.host) == nil { return [.name(endpoint.host)] }
        let limit = context.timeouts.limit(of: .connect)
        let addresses = try await resolver.addresses(of: endpoint, within: limit, on: context.eventLoop)
        return addresses.prefix(4).map { .address($0) }
    }

    /// The message of RFC 1929 §2.
    private func credentials() async throws -> SecretBytes {
        guard let password else { return SecretBytes(capacity: 0) { _ in 0 } }
        let secret = try await password.read()
        guard (1...255).contains(secret.count) else {
            throw MTLSError(
                .proxyAuthenticationRequired, phase: .proxy, fault: .caller,
                "the password for the proxy \(tunnel.proxy) does not have 1 to 255 bytes")
        }
        let user = Array(password.user.utf8)
        return SecretBytes(capacity: 3 + user.count + secret.count) { memory in
            memory[0] = 1
            memory[1] = UInt8(truncatingIfNeeded: user.count)
            UnsafeMutableRawBufferPointer(rebasing: memory[2...]).copyBytes(from: user)
            memory[2 + user.count] = UInt8(truncatingIfNeeded: secret.count)
            secret.withUnsafeBytes {
                UnsafeMutableRawBufferPointer(rebasing: memory[(3 + user.count)...]).copyBytes(from: $0)
            }
            return 3 + user.count + secret.count
        }
    }
}

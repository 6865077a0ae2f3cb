import GnuTLS
public import MTLSCore
public import MTLSIdentity
import SecretMemory

/// Makes tunnels through an HTTP proxy, by CONNECT (RFC 9110 §9.3.6), for https and http origins alike.
///
/// The proxy may be spoken to over TLS, with an identity and a trust that are not the origin's:
///
/// ```swift
/// let proxy = try HTTPProxyConnector(
///     Proxy("https://proxy.example:3129"), identity: .pem(certificate: "proxy-client.pem"), trust: .pem("proxy-ca.pem"))
/// let agent = Agent(connector: TLSConnector(identity: identity, trust: trust, over: proxy))
/// ```
public struct HTTPProxyConnector: Connector {
    private let tunnel: Tunnel
    private let password: ProxyPassword?

    /// Makes a connector.
    ///
    /// - Parameters:
    ///   - proxy: Where it is: an `http` or `https` URL.
    ///   - identity: Whom to present to an `https` proxy.
    ///   - trust: Whom to trust to be an `https` proxy.
    ///   - tls: What to offer to an `https` proxy.
    ///   - transport: Makes the connections to the proxy, beneath its TLS.
    /// - Throws: ``MTLSError`` with the code ``MTLSError/Code/tlsOptionsInvalid`` for a SOCKS proxy, for an identity
    ///   without an `https` proxy to show it to, and for a user's name that Basic has no room for (RFC 7617 §2).
    public init(
        _ proxy: Proxy, identity: Identity? = nil, trust: Trust = .system, tls: TLSSettings = TLSSettings(),
        over transport: any Connector = TCPConnector()
    ) throws(MTLSError) {
        func refusal(_ reason: String, _ advice: String? = nil) -> MTLSError {
            MTLSError(
                .tlsOptionsInvalid, phase: .prepare, fault: .caller, "the proxy \(proxy) \(reason)", advice: advice)
        }
        let transport: any Connector =
            switch proxy.kind {
            case .https: TLSConnector(identity: identity, trust: trust, settings: tls, over: transport)
            case .http:
                if identity != nil {
                    throw refusal(
                        "cannot be shown a certificate: it is not spoken to over TLS", "begin its URL with https")
                } else {
                    transport
                }
            case .socks5, .socks5h: throw refusal("is no HTTP proxy", "use SOCKS5Connector")
            }
        if let user = proxy.credentials?.user,
            user.utf8.contains(where: { $0 == UInt8(ascii: ":") || $0 < 0x20 || $0 == 0x7F })
        {
            throw refusal("cannot be given this user: the name holds a colon or a control character")
        }
        tunnel = Tunnel(proxy: proxy, transport: transport)
        password = proxy.credentials.map { ProxyPassword($0, proxy: proxy.description) }
    }

    /// Connects to the proxy and asks it for a tunnel to `endpoint`, whose name it resolves.
    ///
    /// - Returns: A connection that is not authenticated: the proxy is not the origin.
    /// - Throws: ``MTLSError`` with the phase ``MTLSError/Phase/proxy``, which names the proxy:
    ///   ``MTLSError/Code/proxyRefused``, ``MTLSError/Code/proxyAuthenticationRequired``,
    ///   ``MTLSError/Code/proxyMalformed``, ``MTLSError/Code/timeoutConnect``, and what connecting to the proxy throws.
    public func connect(to endpoint: Endpoint, context: ConnectContext) async throws -> Connection {
        guard endpoint.host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw MTLSError(
                .urlInvalid, phase: .proxy, fault: .caller, "a proxy cannot be asked for \"\(endpoint.host)\"")
        }
        let ends = TunnelEnds(proxy: tunnel.proxy.description, target: endpoint)
        let request = try await request(for: endpoint)
        return try await tunnel.open(
            ConnectNegotiation(ends, sendsCredentials: password != nil), credentials: request, context: context)
    }

    private func request(for endpoint: Endpoint) async throws -> SecretBytes {
        let head = Array("CONNECT \(endpoint) HTTP/1.1\r\nHost: \(endpoint)\r\n".utf8)
        guard let password else { return Self.joined([head, Array("\r\n".utf8)]) }
        let secret = try await password.read()
        var plain = Array("\(password.user):".utf8)
        plain.reserveCapacity(plain.count + secret.count)
        secret.withUnsafeBytes { plain.append(contentsOf: $0) }
        defer { plain.withUnsafeMutableBytes { SecretBytes.wipe($0) } }
        var encoded: [UInt8] = []
        encoded.reserveCapacity((plain.count + 2) / 3 * 4)
        defer { encoded.withUnsafeMutableBytes { SecretBytes.wipe($0) } }
        Base64Encoder.append(plain[...], to: &encoded)
        return Self.joined([head, Array("Proxy-Authorization: Basic ".utf8), encoded, Array("\r\n\r\n".utf8)])
    }

    private static func joined(_ pieces: [[UInt8]]) -> SecretBytes {
        SecretBytes(capacity: pieces.reduce(0) { $0 + $1.count }) { memory in
            var offset = 0
            for piece in pieces {
                UnsafeMutableRawBufferPointer(rebasing: memory[offset...]).copyBytes(from: piece)
                offset += piece.count
            }
            return offset
        }
    }
}

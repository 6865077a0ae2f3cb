import GnuTLSNIO
public import MTLSCore
import NIOCore
import NIOPosix

/// Makes TCP connections: every address of the host is tried, the families in turn (RFC 8305), without Nagle's
/// algorithm, which under TLS 1.3 would hold back the request until the client's certificate was acknowledged.
public struct TCPConnector: Connector {
    private let route: @Sendable (Endpoint) -> Endpoint

    /// Connects to where the endpoint's name leads.
    public init() {
        self.init { $0 }
    }

    /// Connects to where `route` says, which changes neither the name that a TLS connector verifies nor the `Host`
    /// field.
    public init(route: @escaping @Sendable (Endpoint) -> Endpoint) {
        self.route = route
    }

    /// Makes a TCP connection.
    ///
    /// - Throws: ``MTLSError`` with ``MTLSError/Code/resolveFailed``, ``MTLSError/Code/connectFailed`` or
    ///   ``MTLSError/Code/timeoutConnect``.
    public func connect(to endpoint: Endpoint, context: ConnectContext) async throws -> Connection {
        let target = route(endpoint)
        let limit = context.timeouts.limit(of: .connect)
        var bootstrap = ClientBootstrap(group: context.eventLoop)
            .channelOption(.autoRead, value: false)
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
        bootstrap = bootstrap.connectTimeout(limit.map { TimeAmount($0) } ?? .hours(24))
        do {
            return Connection(channel: try await bootstrap.connect(host: target.host, port: target.port).get())
        } catch {
            throw Self.describe(error, target, limit, context.origin)
        }
    }

    private static func describe(
        _ error: any Error, _ target: Endpoint, _ limit: Duration?, _ origin: Origin
    ) -> MTLSError {
        if case ChannelError.connectTimeout = error { return .timeout(.connect, limit: limit ?? .zero, origin: origin) }
        guard let failure = error as? NIOConnectionError else {
            return MTLSError(
                .connectFailed, phase: .connect, fault: .network, "no connection to \(target) could be made: \(error)",
                origin: origin.description, underlying: error)
        }
        if failure.connectionErrors.isEmpty, failure.dnsAError != nil || failure.dnsAAAAError != nil {
            return MTLSError(
                .resolveFailed, phase: .resolve, fault: .network, "the host \"\(target.host)\" could not be resolved",
                advice: "check its spelling and the network's name service", origin: origin.description,
                underlying: failure)
        }
        if failure.connectionErrors.contains(where: {
            if case ChannelError.connectTimeout = $0.error { true } else { false }
        }) {
            return .timeout(.connect, limit: limit ?? .zero, origin: origin, underlying: failure)
        }
        let reasons = failure.connectionErrors.map { "\($0.target.place): \(reason($0.error))" }.joined(separator: "; ")
        return MTLSError(
            .connectFailed, phase: .connect, fault: .network, "no connection to \(target) could be made: \(reasons)",
            origin: origin.description, underlying: failure)
    }
}

extension SocketAddress {
    /// Address and port as people write them.
    fileprivate var place: String {
        guard let ipAddress, let port else { return "\(self)" }
        return "\(Endpoint(ipAddress, port))"
    }
}

import MTLSClient

/// Connects as the options say and keeps the journal.
struct JournalingConnector: Connector {
    private let below: any Connector
    private let tls: TLSConnector
    private let journal: Journal

    /// - Parameter proxyIdentity: Whom to present to an https proxy.
    init(
        identity: Identity?, proxyIdentity: Identity?, plan: ConnectionPlan, journal: Journal
    ) throws(UsageError) {
        below = try plan.connector(proxyIdentity: proxyIdentity) { inner, path in
            Noting(inner: inner, journal: journal, path: path)
        }
        tls = TLSConnector(identity: identity, trust: plan.trust, settings: plan.tls, over: below)
        self.journal = journal
    }

    func connect(to endpoint: Endpoint, context: ConnectContext) async throws -> Connection {
        let isSecure = context.origin.scheme == .https
        let connection =
            try await isSecure
            ? tls.connect(to: endpoint, context: context) : below.connect(to: endpoint, context: context)
        journal.ready(connection.handshake)
        return connection
    }

    private struct Noting: Connector {
        let inner: any Connector
        let journal: Journal
        let path: String?

        func connect(to endpoint: Endpoint, context: ConnectContext) async throws -> Connection {
            let connection = try await inner.connect(to: endpoint, context: context)
            journal.connected(to: path ?? endpoint.description, for: context.origin)
            return connection
        }
    }
}

extension ConnectionPlan {
    /// Whether nothing stands between but the network, and names mean what they mean to everybody.
    var isDirect: Bool {
        transport.unixSocket == nil && transport.tcp.localAddresses.isEmpty && proxy.settings.https == nil
            && routes.isEmpty
    }

    /// Makes the connections beneath TLS.
    ///
    /// - Parameters:
    ///   - proxyIdentity: Whom to present to an https proxy.
    ///   - wrap: Around what makes the transport connections; the path is that of a Unix socket.
    func connector(
        proxyIdentity: Identity?, wrap: (any Connector, String?) -> any Connector = { inner, _ in inner }
    ) throws(UsageError) -> any Connector {
        if let path = transport.unixSocket {
            return Detour(routes: routes, inner: wrap(UnixSocketConnector(path: path), path))
        }
        let resolver = OverridingResolver(routes.addresses)
        do throws(MTLSError) {
            return Detour(
                routes: routes,
                inner: try ProxyConnector(
                    proxy.settings, identity: proxyIdentity, trust: proxy.trust, resolver: resolver,
                    over: wrap(TCPConnector(transport.tcp, resolver: resolver), nil)))
        } catch {
            throw UsageError(error.description)
        }
    }

    private struct Detour: Connector {
        let routes: Routes
        let inner: any Connector

        func connect(to endpoint: Endpoint, context: ConnectContext) async throws -> Connection {
            try await inner.connect(to: routes.route(endpoint), context: context)
        }
    }
}

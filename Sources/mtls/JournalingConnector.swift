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
        let resolver = OverridingResolver(plan.routes.addresses)
        let transport: any Connector
        if let path = plan.transport.unixSocket {
            transport = Noting(inner: UnixSocketConnector(path: path), journal: journal, path: path)
        } else {
            do throws(MTLSError) {
                transport = try ProxyConnector(
                    plan.proxy.settings, identity: proxyIdentity, trust: plan.proxy.trust, resolver: resolver,
                    over: Noting(
                        inner: TCPConnector(plan.transport.tcp, resolver: resolver), journal: journal, path: nil))
            } catch {
                throw UsageError(error.description)
            }
        }
        below = Detour(routes: plan.routes, inner: transport)
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

    private struct Detour: Connector {
        let routes: Routes
        let inner: any Connector

        func connect(to endpoint: Endpoint, context: ConnectContext) async throws -> Connection {
            try await inner.connect(to: routes.route(endpoint), context: context)
        }
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

public import HTTPTypes
public import Logging
public import MTLSCore
public import MTLSIdentity
import Synchronization

/// Sends requests to any number of origins, with a ``Client`` for each.
public final class Agent: Sendable {
    /// What an origin that only a redirect has named is shown may be less: its connections are others.
    private struct Place: Hashable {
        let origin: Origin
        let reachedBy: ReachedBy
    }

    private struct State {
        var clients: [Place: Client] = [:]
        var isShutDown = false
    }

    private let connector: any Connector
    private let settings: ClientSettings
    private let chain: InterceptorChain
    private let logger: Logger?
    private let state = Mutex(State())

    /// Makes an agent; no connection is made before the first request.
    ///
    /// - Parameters:
    ///   - identity: Whom to present, and to which hosts: see ``Identity/perHost(_:)``.
    ///   - trust: Whom to trust.
    ///   - tls: What to offer in handshakes.
    ///   - settings: How each origin's connections are used.
    ///   - logger: For what is worth saying.
    public convenience init(
        identity: Identity? = nil, trust: Trust = .system, tls: TLSSettings = TLSSettings(),
        settings: ClientSettings = ClientSettings(), logger: Logger? = nil
    ) {
        self.init(
            connector: TLSConnector(identity: identity, trust: trust, settings: tls), settings: settings,
            logger: logger)
    }

    /// Makes an agent whose connections come from `connector`.
    public init(connector: any Connector, settings: ClientSettings = ClientSettings(), logger: Logger? = nil) {
        self.connector = connector
        self.settings = settings
        chain = InterceptorChain(settings)
        self.logger = logger
    }

    /// The client of the origin of `url`.
    ///
    /// - Throws: ``MTLSError`` with ``MTLSError/Code/urlInvalid`` or ``MTLSError/Code/clientClosed``.
    public func client(for url: String) throws(MTLSError) -> Client {
        try client(for: ParsedURL(url).origin, reachedBy: .caller)
    }

    func client(for origin: Origin, reachedBy: ReachedBy) throws(MTLSError) -> Client {
        try state.withLock { (state) throws(MTLSError) in
            guard !state.isShutDown else {
                throw MTLSError(.clientClosed, phase: .prepare, fault: .caller, "the agent was shut down")
            }
            let place = Place(origin: origin, reachedBy: reachedBy)
            if let client = state.clients[place] { return client }
            let client = Client(
                origin: origin, reachedBy: reachedBy, connector: connector, settings: settings, logger: logger)
            state.clients[place] = client
            return client
        }
    }

    /// Sends a request and returns when the response's head has come.
    ///
    /// - Parameters:
    ///   - url: Where to; it gives the request its path.
    ///   - request: Method and fields.
    ///   - body: What goes with it.
    ///   - timeouts: In place of the agent's.
    /// - Throws: ``MTLSError``.
    @concurrent
    public func execute(
        _ url: String, _ request: HTTPRequest, body: RequestBody = .none, timeouts: Timeouts? = nil
    ) async throws -> Response {
        let parsed = try ParsedURL(url)
        var request = request
        request.path = parsed.target
        let timeouts = timeouts ?? settings.timeouts
        guard chain.isEmpty else {
            return try await chain.run(
                OutgoingRequest(
                    origin: parsed.origin, head: request, body: body, timeouts: timeouts,
                    fragment: URLReference(url).fragment),
                by: self)
        }
        return try await client(for: parsed.origin, reachedBy: .caller)
            .exchange(request, body: body, timeouts: timeouts, informational: nil)
    }

    /// Closes the clients of all origins.
    ///
    /// - Parameter graceful: Whether the requests under way may end first.
    public func shutdown(graceful: Bool = true) async {
        let clients = state.withLock { state in
            state.isShutDown = true
            defer { state.clients.removeAll() }
            return Array(state.clients.values)
        }
        await withTaskGroup(of: Void.self) { group in
            for client in clients { group.addTask { await client.shutdown(graceful: graceful) } }
        }
    }
}

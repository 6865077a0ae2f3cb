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

    /// A client, for as long as it is of use to the agent, or held by somebody else.
    private struct Entry {
        var kept: Client?
        weak var client: Client?
        /// When it was last asked for.
        var lastUse: Deadline
        /// How many requests of the agent's own have it in hand.
        var users = 0
    }

    private struct State {
        var entries: [Place: Entry] = [:]
        var isShutDown = false
    }

    private let connector: any Connector
    private let settings: ClientSettings
    private let chain: InterceptorChain
    private let origins: OriginSettings
    private let logger: Logger?
    private let state = Mutex(State())

    /// Makes an agent; no connection is made before the first request.
    ///
    /// - Parameters:
    ///   - identity: Whom to present, and to which hosts: see ``Identity/perHost(_:)``.
    ///   - trust: Whom to trust.
    ///   - tls: What to offer in handshakes.
    ///   - settings: How each origin's connections are used.
    ///   - origins: How many origins there may be, and for how long.
    ///   - logger: For what is worth saying.
    public convenience init(
        identity: Identity? = nil, trust: Trust = .system, tls: TLSSettings = TLSSettings(),
        settings: ClientSettings = ClientSettings(), origins: OriginSettings = OriginSettings(), logger: Logger? = nil
    ) {
        self.init(
            connector: TLSConnector(identity: identity, trust: trust, settings: tls), settings: settings,
            origins: origins, logger: logger)
    }

    /// Makes an agent whose connections come from `connector`.
    public init(
        connector: any Connector, settings: ClientSettings = ClientSettings(),
        origins: OriginSettings = OriginSettings(), logger: Logger? = nil
    ) {
        self.connector = connector
        self.settings = settings
        chain = InterceptorChain(settings)
        self.origins = origins
        self.logger = logger
    }

    /// The client of the origin of `url`.
    ///
    /// - Throws: ``MTLSError`` with ``MTLSError/Code/urlInvalid``, ``MTLSError/Code/originLimit`` or
    ///   ``MTLSError/Code/clientClosed``.
    public func client(for url: String) throws(MTLSError) -> Client {
        try client(for: Place(origin: ParsedURL(url).origin, reachedBy: .caller), isInHand: false)
    }

    private func client(for place: Place, isInHand: Bool) throws(MTLSError) -> Client {
        try state.withLock { (state) throws(MTLSError) in
            guard !state.isShutDown else {
                throw MTLSError(.clientClosed, phase: .prepare, fault: .caller, "the agent was shut down")
            }
            let now = Deadline.now
            if let client = state.entries[place]?.client {
                state.entries[place]?.kept = client
                state.entries[place]?.lastUse = now
                if isInHand { state.entries[place]?.users += 1 }
                return client
            }
            state.entries = state.entries.filter { $0.value.client != nil }
            if let limit = origins.limit, state.entries.count >= limit {
                throw MTLSError(
                    .originLimit, phase: .prepare, fault: .caller, "the agent serves \(limit) origins already",
                    advice: "raise OriginSettings.limit, or wait until one was idle for OriginSettings.idleTimeout",
                    origin: place.origin.description)
            }
            let client = Client(
                origin: place.origin, reachedBy: place.reachedBy, connector: connector, settings: settings,
                logger: logger)
            client.watchEmptiness(for: origins.idleTimeout) { [weak self] since in
                self?.drop(place, idleSince: since)
            }
            state.entries[place] = Entry(kept: client, client: client, lastUse: now, users: isInHand ? 1 : 0)
            return client
        }
    }

    /// Lets go of a client that has had neither request nor connection since `time`, unless it was asked for again.
    private func drop(_ place: Place, idleSince time: Deadline) {
        // It must not end while the lock is held.
        let dropped = state.withLock { state -> Client? in
            guard let entry = state.entries[place], entry.lastUse < time, entry.users == 0 else { return nil }
            state.entries[place]?.kept = nil
            return entry.kept
        }
        withExtendedLifetime(dropped) {}
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
        return try await withClient(for: parsed.origin, reachedBy: .caller) { client in
            try await client.exchange(request, body: body, timeouts: timeouts, informational: nil)
        }
    }

    nonisolated(nonsending) func withClient<Result>(
        for origin: Origin, reachedBy: ReachedBy, _ body: nonisolated(nonsending) (Client) async throws -> Result
    ) async throws -> Result {
        let place = Place(origin: origin, reachedBy: reachedBy)
        let client = try client(for: place, isInHand: true)
        defer { state.withLock { $0.entries[place]?.users -= 1 } }
        return try await body(client)
    }

    /// The figures of the clients of all origins together. What dropped origins had done is not among them.
    public var statistics: ClientStatistics {
        get async {
            var sum = ClientStatistics()
            for client in clients { sum += await client.statistics }
            return sum
        }
    }

    /// The origins that have a client.
    public var activeOrigins: [Origin] { Array(Set(clients.map(\.origin))) }

    private var clients: [Client] { state.withLock { $0.entries.values.compactMap(\.client) } }

    /// Ends the agent's service, and hands out the clients that are to be shut down.
    func takeAll() -> [Client] {
        state.withLock { state in
            state.isShutDown = true
            defer { state.entries.removeAll() }
            return state.entries.values.compactMap(\.client)
        }
    }
}

/// How an agent keeps its origins.
public struct OriginSettings: Hashable, Sendable {
    /// How many origins there may be at once; nil for no limit.
    public var limit: Int?
    /// How long an origin may be without request and connection before its client is dropped. Whoever holds the client
    /// may go on using it.
    public var idleTimeout: Duration

    /// Sets the limits.
    public init(limit: Int? = nil, idleTimeout: Duration = .seconds(60)) {
        self.limit = limit
        self.idleTimeout = idleTimeout
    }
}

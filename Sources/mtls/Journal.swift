import MTLSClient
import Synchronization

/// What happens to the connections of the transfer in progress.
final class Journal: Sendable {
    private struct State {
        var connects = 0
        var connected: ContinuousClock.Instant?
        var handshaken: ContinuousClock.Instant?
        var request: [String] = []
    }

    private let isVerbose: Bool
    private let isVerified: Bool
    private let state = Mutex(State())

    init(isVerbose: Bool, isVerified: Bool) {
        self.isVerbose = isVerbose
        self.isVerified = isVerified
    }

    /// A transfer begins.
    ///
    /// - Parameter request: The lines that are shown when its connection is there.
    func begin(request: [String]) {
        state.withLock { $0 = State(request: request) }
    }

    /// A transport connection was made.
    func connected(to endpoint: Endpoint, for origin: Origin) {
        state.withLock { state in
            state.connects += 1
            state.connected = .now
        }
        let detour = endpoint == origin.endpoint ? "" : " for \(origin.endpoint)"
        note(["* Connected to \(endpoint)\(detour)"])
    }

    /// A connection is ready for requests.
    func ready(_ handshake: HandshakeSummary?) {
        if let handshake {
            state.withLock { $0.handshaken = .now }
            note(Verbose.lines(handshake, isVerified: isVerified))
        }
        requestSent()
    }

    /// The request is on its way: shows it, unless that was done.
    func requestSent() {
        note(
            state.withLock { state in
                defer { state.request = [] }
                return state.request
            })
    }

    func note(_ lines: [String]) {
        if isVerbose, !lines.isEmpty { Console.say(lines) }
    }

    /// How many connections the transfer made, and when the last came so far.
    var connections: (count: Int, connected: ContinuousClock.Instant?, handshaken: ContinuousClock.Instant?) {
        state.withLock { ($0.connects, $0.connected, $0.handshaken) }
    }
}

/// Connects as the options say and keeps the journal.
struct JournalingConnector: Connector {
    private let transport: Transport
    private let tls: TLSConnector
    private let journal: Journal

    init(identity: Identity?, plan: ConnectionPlan, journal: Journal) {
        let routes = plan.routes
        transport = Transport(routes: routes, inner: TCPConnector { routes.route($0) }, journal: journal)
        tls = TLSConnector(identity: identity, trust: plan.trust, settings: plan.tls, over: transport)
        self.journal = journal
    }

    func connect(to endpoint: Endpoint, context: ConnectContext) async throws -> Connection {
        let isSecure = context.origin.scheme == .https
        let connection =
            try await isSecure
            ? tls.connect(to: endpoint, context: context) : transport.connect(to: endpoint, context: context)
        journal.ready(connection.handshake)
        return connection
    }

    private struct Transport: Connector {
        let routes: Routes
        let inner: TCPConnector
        let journal: Journal

        func connect(to endpoint: Endpoint, context: ConnectContext) async throws -> Connection {
            let connection = try await inner.connect(to: endpoint, context: context)
            journal.connected(to: routes.route(endpoint), for: context.origin)
            return connection
        }
    }
}

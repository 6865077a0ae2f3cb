public import DevPKI
public import GnuTLS
import GnuTLSNIO
import MTLSCore
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// An HTTPS server in this process that asks for client certificates and tells what it made of them.
///
/// ```swift
/// let server = try await MTLSServer(
///     identity: authority.issue(.server(names: ["localhost", "127.0.0.1"])), clients: .required, trusting: [authority.root]
/// ) { request in .response(body: request.client.certificate?.subject ?? "nobody") }
/// ```
public final class MTLSServer: Sendable {
    /// What is asked of clients.
    public enum Clients: Sendable, Hashable {
        /// A good certificate, or the handshake fails.
        case required
        /// A certificate; without one, or with a bad one, requests are answered and ``ServerClient/authorized`` is false.
        case requested
        /// Nothing in the handshake; a certificate when a connection's first request has come, before it is answered: by
        /// post-handshake authentication under TLS 1.3, by renegotiation under TLS 1.2. Without one, or with a bad one,
        /// or where the client does not offer to be asked under TLS 1.3, requests are answered and
        /// ``ServerClient/authorized`` is false. A client that declines to renegotiate is cut off.
        case requestedAfterHandshake
        /// Nothing.
        case ignored
    }

    /// The port on the loopback address.
    public let port: Int
    /// `https://127.0.0.1:port`.
    public var url: String { "https://127.0.0.1:\(port)" }
    private let channel: any Channel
    private let journal = Journal()

    /// Starts a server on the loopback address 127.0.0.1.
    ///
    /// - Parameters:
    ///   - identity: What it shows.
    ///   - clients: What it asks of clients.
    ///   - trusting: The anchors for clients' certificates. Their names are listed in its certificate requests.
    ///   - versions: The versions of TLS that it accepts.
    ///   - priority: Appended to the system's GnuTLS priority string.
    ///   - resumes: Whether it gives tickets (RFC 5077, RFC 8446 §4.6.1), by which later connections resume the session
    ///     of an earlier one, with the client's certificate of then.
    ///   - respond: Answers requests, each on Swift's thread pool.
    /// - Throws: `GnuTLSError` for what GnuTLS refuses, or an `IOError`.
    public init(
        identity: IssuedIdentity, clients: Clients, trusting anchors: [Certificate] = [],
        versions: ClosedRange<TLSVersion> = .v1_2 ... .v1_3, priority: String? = nil, resumes: Bool = false,
        respond: @escaping @Sendable (ServerRequest) async -> ServerAnswer = { _ in .response() }
    ) async throws {
        let context = try TLSContext(
            role: .server,
            options: TLSOptions(
                minimumVersion: versions.lowerBound, maximumVersion: versions.upperBound,
                applicationProtocols: ["http/1.1"], priority: priority, resumesSessions: resumes),
            acceptedIssuers: anchors)
        let key = try CertifiedKey(chain: identity.chain, key: .software(identity.privateKey))
        let policy = ClientPolicy(clients: clients, trust: try TrustList(anchors: anchors))
        let journal = journal
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let connection = journal.accepted(channel)
                    let verdict = ClientVerdict()
                    var configuration = HandshakeConfiguration(context: context, peerName: "a client") { chain, _ in
                        policy.judge(chain, verdict)
                    }
                    configuration.clientCertificate = policy.demand
                    configuration.authenticatesLater = clients == .requestedAfterHandshake
                    configuration.choose = { _ in key }
                    configuration.handshakeTimeout = .seconds(30)
                    let completion = channel.eventLoop.makePromise(of: HandshakeSummary.self)
                    completion.futureResult.whenFailure { journal.handshakeFailed($0) }
                    completion.futureResult.whenSuccess { summary in
                        // A resumed session asks for no verdict.
                        if summary.isResumed { _ = policy.judge(summary.peerChain.map(\.der), verdict) }
                    }
                    let handler = GnuTLSHandler(configuration: configuration, completion: completion)
                    let sync = channel.pipeline.syncOperations
                    try sync.addHandler(handler)
                    try sync.configureHTTPServerPipeline(withPipeliningAssistance: false, withErrorHandling: false)
                    try sync.addHandler(
                        ServerHandler(
                            tls: handler, handshake: completion.futureResult, clients: clients, verdict: verdict,
                            connection: connection, journal: journal, respond: respond))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
    }

    /// The requests so far.
    public var requests: [ServerRequest] { journal.state.withLock { $0.requests } }
    /// Waits until so many requests have come.
    ///
    /// - Returns: All requests so far.
    @discardableResult
    public func requests(atLeast count: Int) async -> [ServerRequest] {
        await journal.wait { $0.requests.count >= count }
        return requests
    }

    /// Waits until so many handshakes have failed. A client may know of it before the server does.
    ///
    /// - Returns: Why, as the server saw it.
    @discardableResult
    public func handshakeErrors(atLeast count: Int) async -> [String] {
        await journal.wait { $0.handshakeErrors.count >= count }
        return handshakeErrors
    }

    /// How many connections were accepted.
    public var connectionCount: Int { journal.state.withLock { $0.connections } }
    /// Why handshakes failed, as the server saw it.
    public var handshakeErrors: [String] { journal.state.withLock { $0.handshakeErrors } }

    /// Forgets the requests and failures so far, and with them their memory.
    public func forget() {
        journal.state.withLock { state in
            state.requests = []
            state.handshakeErrors = []
        }
    }

    /// Stops accepting, and closes all connections.
    public func shutdown() async {
        try? await channel.close().get()
        for channel in journal.state.withLock({ $0.channels }) { try? await channel.close().get() }
    }

    deinit {
        channel.close(promise: nil)
        for channel in journal.state.withLock({ $0.channels }) { channel.close(promise: nil) }
    }
}

/// What a server remembers.
final class Journal: Sendable {
    struct State {
        var connections = 0
        var channels: [any Channel] = []
        var requests: [ServerRequest] = []
        var handshakeErrors: [String] = []
        var waiting: [(isMet: @Sendable (State) -> Bool, continuation: CheckedContinuation<Void, Never>)] = []
    }

    let state = Mutex(State())

    func accepted(_ channel: any Channel) -> Int {
        let count = state.withLock { state in
            state.connections += 1
            state.channels.append(channel)
            return state.connections
        }
        channel.closeFuture.whenComplete { [weak self] _ in
            self?.state.withLock { state in state.channels.removeAll { $0 === channel } }
        }
        return count
    }

    func record(_ request: ServerRequest) { change { $0.requests.append(request) } }

    func handshakeFailed(_ error: any Error) { change { $0.handshakeErrors.append("\(error)") } }

    func wait(until isMet: @escaping @Sendable (State) -> Bool) async {
        await withCheckedContinuation { continuation in
            change { $0.waiting.append((isMet, continuation)) }
        }
    }

    /// Changes the state, and wakes those who waited for that.
    private func change(_ body: (inout State) -> Void) {
        let served = state.withLock { state in
            body(&state)
            let met = state.waiting.filter { $0.isMet(state) }
            if !met.isEmpty { state.waiting = state.waiting.filter { !$0.isMet(state) } }
            return met
        }
        for waiter in served { waiter.continuation.resume() }
    }
}

/// The verdict on one client's certificate.
final class ClientVerdict: Sendable {
    let refusal = Mutex<String?>(nil)
}

/// Judges clients' certificates.
struct ClientPolicy: Sendable {
    let clients: MTLSServer.Clients
    let trust: TrustList

    var demand: ClientCertificateDemand {
        switch clients {
        case .required: .required
        case .requested: .requested
        case .ignored, .requestedAfterHandshake: .ignored
        }
    }

    func judge(_ chain: [[UInt8]], _ verdict: ClientVerdict) -> Result<Void, any Error> {
        guard !chain.isEmpty, let refusal = refusal(chain) else { return .success(()) }
        verdict.refusal.withLock { $0 = refusal }
        guard clients == .required else { return .success(()) }
        return .failure(MTLSError(.certificateInvalid, phase: .verify, fault: .peer, refusal))
    }

    private func refusal(_ chain: [[UInt8]]) -> String? {
        do {
            let certificates = try chain.map { (der) throws(GnuTLSError) in try Certificate(der: der) }
            guard case .refused(let refusal) = try trust.verify(chain: certificates, purpose: KeyPurpose.clientAuth)
            else { return nil }
            return refusal.text
        } catch {
            return "the client's certificate cannot be read: \(error)"
        }
    }
}

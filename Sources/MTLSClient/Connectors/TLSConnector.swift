public import GnuTLS
import GnuTLSNIO
import Logging
public import MTLSCore
public import MTLSIdentity
import NIOCore
import Synchronization

/// What is offered in a TLS handshake.
public struct TLSSettings: Sendable, Hashable {
    /// The least version accepted; never less than TLS 1.2.
    public var minimumVersion: TLSVersion
    /// The greatest version offered.
    public var maximumVersion: TLSVersion
    /// The application protocols offered by ALPN, the preferred one first.
    public var applicationProtocols: [String]
    /// The name that is sent as SNI and demanded of the server's certificate, in place of the endpoint's host.
    public var serverName: String?
    /// For experts: appended to the system's GnuTLS priority string.
    public var priority: String?
    /// Whether sessions are resumed.
    public var resumption: ResumptionPolicy
    /// Whether a server may have the handshake made again under TLS 1.2, as Apache does where only some directories
    /// demand a client certificate: with secure renegotiation alone (RFC 5746), with the server's certificate verified
    /// anew and the same as before. No tickets are then offered under TLS 1.2. Otherwise such wishes are declined.
    ///
    /// TLS 1.3 has post-handshake authentication in its place, which is offered wherever there is an identity.
    public var allowsRenegotiation = false
    /// Gets the secrets of all connections, so that what is captured of them can be decrypted. The environment variable
    /// `SSLKEYLOGFILE` has no effect.
    public var keyLog: KeyLog?

    /// TLS 1.2 and 1.3 by the system's policy, for HTTP/1.1.
    public init(
        minimumVersion: TLSVersion = .v1_2, maximumVersion: TLSVersion = .v1_3,
        applicationProtocols: [String] = ["http/1.1"], serverName: String? = nil, priority: String? = nil,
        resumption: ResumptionPolicy = .on()
    ) {
        self.minimumVersion = minimumVersion
        self.maximumVersion = maximumVersion
        self.applicationProtocols = applicationProtocols
        self.serverName = serverName
        self.priority = priority
        self.resumption = resumption
    }
}

/// Makes TLS connections over those of another connector.
///
/// The server's certificate is verified inside the handshake, before anything is signed. A key in a token signs on a
/// thread of the token's own, never on the event loop. Copies of a connector share its sessions, see ``ResumptionPolicy``;
/// connectors that were made apart share nothing.
public struct TLSConnector: Connector {
    private let journal: IdentityJournal
    private let settings: TLSSettings
    let inner: any Connector
    private let shared: Shared

    /// Makes a connector. The trust anchors are loaded when the first connection is made.
    ///
    /// - Parameters:
    ///   - identity: Whom to present; nil presents nobody, and a server that demands a certificate is an error.
    ///   - trust: Whom to trust.
    ///   - settings: What to offer.
    ///   - inner: Makes the connections beneath.
    public init(
        identity: Identity? = nil, trust: Trust = .system, settings: TLSSettings = TLSSettings(),
        over inner: any Connector = TCPConnector()
    ) {
        self.settings = settings
        self.inner = inner
        shared = Shared(evaluator: TrustEvaluator(trust), sessions: SessionStore(settings.resumption))
        journal = IdentityJournal(identity)
    }

    /// Connects by the inner connector and makes the handshake.
    ///
    /// - Throws: ``MTLSError``, also in place of what the identity source or the inner connector threw.
    public func connect(to endpoint: Endpoint, context: ConnectContext) async throws -> Connection {
        let handshake = try await handshake(with: endpoint, context)
        defer { handshake.judging.cancel() }
        let attempt = try await shared.sessions.begin(
            at: handshake.place, handshake.candidates, loop: context.eventLoop)
        return try await attempt.run(
            judge: handshake.judge, known: handshake.tls.certificates, loop: context.eventLoop
        ) { attempt in
            try await connect(handshake, attempt)
        }
    }

    typealias Judge =
        @Sendable (PresentedChain, @escaping @Sendable (Result<Void, any Error>) -> Void) -> Result<Void, any Error>?

    private func handshake(with endpoint: Endpoint, _ context: ConnectContext) async throws -> Handshake {
        let name = settings.serverName ?? endpoint.host
        guard let expected = ServerName(name) else {
            throw MTLSError(
                .tlsOptionsInvalid, phase: .prepare, fault: .caller,
                "\"\(name)\" is neither a host name nor an address that a certificate could be for")
        }
        let identity = journal.identity(logger: context.logger)
        let candidates = try await identity?.candidates(for: endpoint, reachedBy: context.reachedBy) ?? []
        try await shared.evaluator.prepare()
        return try Handshake(self, endpoint, context, expected, candidates)
    }

    /// What is known before there is a connection. An object, for it would make the task's frames long.
    private final class Handshake: Sendable {
        let endpoint: Endpoint
        let context: ConnectContext
        let name: String
        let candidates: [ClientIdentity]
        let place: SessionStore.Place
        let tls: TLSContext
        let judging: HandshakeJudge

        init(
            _ connector: TLSConnector, _ endpoint: Endpoint, _ context: ConnectContext, _ expected: ServerName,
            _ candidates: [ClientIdentity]
        ) throws(MTLSError) {
            let (settings, shared) = (connector.settings, connector.shared)
            for warning in candidates.flatMap({ $0.takeWarnings() }) { context.logger.warning("\(warning)") }
            if let keyLog = settings.keyLog, keyLog.takeWarning() {
                context.logger.warning(
                    "the secrets of TLS connections are given to \(keyLog.destination): whoever has them can read everything"
                )
            }
            shared.warn(context.logger)
            let isLimited = try settings.isLimited(by: candidates)
            (self.endpoint, self.context, self.candidates) = (endpoint, context, candidates)
            name = settings.serverName ?? endpoint.host
            place = SessionStore.Place(endpoint: endpoint, isLimited: isLimited)
            tls = try shared.context(for: settings, isLimited: isLimited, at: endpoint)
            judging = HandshakeJudge(shared.evaluator, expected: expected, name: name, endpoint: endpoint)
        }

        var judge: Judge { { [judging] in judging.answer($0, later: $1) } }

        func configuration(_ attempt: ResumptionAttempt) -> HandshakeConfiguration {
            let (peer, timeouts) = (endpoint.description, context.timeouts)
            var configuration = HandshakeConfiguration(context: tls, peerName: peer) { [judging] chain, later in
                attempt.makesFullHandshake()
                return judging.answer(chain, later: later)
            }
            configuration.serverName = name
            configuration.authenticatesLater = !candidates.isEmpty && tls.options.applicationProtocols != ["h2"]
            configuration.handshakeTimeout = timeouts.limit(of: .handshake)
            configuration.signatureTimeout = timeouts.limit(of: .signature)
            configuration.lane = candidates.lazy.compactMap { $0.certifiedKey.lane }.first
            configuration.choose = { [candidates] request in
                try IdentitySelector.choose(candidates, for: request, peer: peer)?.certifiedKey
            }
            configuration.resuming = attempt.offer()
            configuration.resumesAlone = attempt.offersAlone
            configuration.observe = { attempt.observe($0) }
            return configuration
        }

        func begin(
            on channel: any Channel, _ attempt: ResumptionAttempt, _ completion: EventLoopPromise<HandshakeSummary>
        ) {
            let handler = GnuTLSHandler(configuration: configuration(attempt), completion: completion)
            do {
                try channel.pipeline.syncOperations.addHandler(handler)
            } catch {
                completion.fail(error)
            }
        }

        func connection(over channel: any Channel, _ summary: HandshakeSummary) -> Connection {
            let shown = candidates.filter { $0.chain.first == summary.clientCertificate }
            return Connection(
                channel: channel, security: .authenticated(name: name), handshake: summary,
                identities: shown.isEmpty ? candidates : shown)
        }
    }

    private func connect(_ handshake: Handshake, _ attempt: ResumptionAttempt) async throws -> Connection {
        let channel = try await channel(for: handshake)
        let completion = channel.eventLoop.makePromise(of: HandshakeSummary.self)
        return try await withTaskCancellationHandler {
            channel.eventLoop.hereOrLater { handshake.begin(on: channel, attempt, completion) }
            let summary = try await completion.futureResult.get()
            shared.note(summary, of: handshake.endpoint)
            channel.closeFuture.whenComplete { _ in attempt.ended() }
            return handshake.connection(over: channel, summary)
        } onCancel: {
            channel.close(promise: nil)
        }
    }

    private func channel(for handshake: Handshake) async throws -> any Channel {
        try await inner.connect(to: handshake.endpoint, context: handshake.context).channel
    }

    /// What the connections of one connector share.
    private final class Shared: Sendable {
        let evaluator: TrustEvaluator
        let sessions: SessionStore
        private let hasWarned = Atomic(false)
        private let contexts = Mutex<[Offer: TLSContext]>([:])
        /// The groups that servers chose in place of the one that they were offered a key for: next time it is theirs.
        private let groups = Mutex<[Endpoint: String]>([:])

        private struct Offer: Hashable {
            let isLimited: Bool
            let group: String?
        }

        init(evaluator: TrustEvaluator, sessions: SessionStore) {
            self.evaluator = evaluator
            self.sessions = sessions
        }

        /// Once for all connections of the connector.
        func warn(_ logger: Logger) {
            guard evaluator.trustsAnything, !hasWarned.exchange(true, ordering: .relaxed) else { return }
            logger.warning("servers are not authenticated: anybody may answer (Trust.dangerouslyTrustAnything)")
        }

        /// - Parameter isLimited: Whether TLS 1.3 is left out.
        func context(
            for settings: TLSSettings, isLimited: Bool, at endpoint: Endpoint
        ) throws(MTLSError) -> TLSContext {
            let offer = Offer(isLimited: isLimited, group: groups.withLock { $0.isEmpty ? nil : $0[endpoint] })
            return try contexts.withLock { (contexts) throws(MTLSError) in
                if let context = contexts[offer] { return context }
                var settings = settings
                if isLimited { settings.maximumVersion = .v1_2 }
                let context = try Self.make(settings, group: offer.group)
                contexts[offer] = context
                return context
            }
        }

        /// Learns from a handshake with `endpoint`.
        func note(_ handshake: HandshakeSummary, of endpoint: Endpoint) {
            guard handshake.version == .v1_3, let group = handshake.group, group != "X25519" else { return }
            groups.withLock { groups in
                if groups.count >= 64, groups[endpoint] == nil { groups.removeAll() }
                groups[endpoint] = group
            }
        }

        private static func make(_ settings: TLSSettings, group: String?) throws(MTLSError) -> TLSContext {
            guard settings.minimumVersion <= settings.maximumVersion else {
                throw MTLSError(
                    .tlsOptionsInvalid, phase: .prepare, fault: .caller,
                    "the least TLS version, \(settings.minimumVersion.rawValue), is above the greatest, \(settings.maximumVersion.rawValue)"
                )
            }
            do {
                return try TLSContext(
                    role: .client,
                    options: TLSOptions(
                        minimumVersion: settings.minimumVersion, maximumVersion: settings.maximumVersion,
                        applicationProtocols: settings.applicationProtocols, priority: settings.priority,
                        resumesSessions: settings.resumption.isOn, allowsRenegotiation: settings.allowsRenegotiation,
                        keyLog: settings.keyLog),
                    group: group)
            } catch {
                throw MTLSError(
                    .tlsOptionsInvalid, phase: .prepare, fault: .caller, "the TLS options cannot be used: \(error)",
                    underlying: error)
            }
        }
    }
}

extension TLSSettings {
    /// TLS 1.3 is not offered when none of the identities could sign in it (RSA keys need RSASSA-PSS there): the server
    /// would get an empty certificate.
    fileprivate func isLimited(by candidates: [ClientIdentity]) throws(MTLSError) -> Bool {
        guard let first = candidates.first, !candidates.contains(where: \.signsInTLS13) else { return false }
        let canSign = candidates.contains { $0.certifiedKey.publicKey.schemes.contains(where: $0.supports) }
        guard canSign, minimumVersion == .v1_2 else {
            throw MTLSError(
                .mechanismMissing, phase: .identity, fault: .token,
                canSign
                    ? "the key of \(first) cannot sign in TLS 1.3: its token lacks the mechanism for it (RSASSA-PSS for RSA keys)"
                    : "the key of \(first) cannot sign: its token lacks the mechanism for keys of its kind",
                advice: canSign ? "allow TLS 1.2, or use an ECDSA key" : "use a key of another kind")
        }
        return true
    }
}

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

    /// TLS 1.2 and 1.3 by the system's policy, for HTTP/1.1.
    public init(
        minimumVersion: TLSVersion = .v1_2, maximumVersion: TLSVersion = .v1_3,
        applicationProtocols: [String] = ["http/1.1"], serverName: String? = nil, priority: String? = nil
    ) {
        self.minimumVersion = minimumVersion
        self.maximumVersion = maximumVersion
        self.applicationProtocols = applicationProtocols
        self.serverName = serverName
        self.priority = priority
    }
}

/// Makes TLS connections over those of another connector.
///
/// The server's certificate is verified inside the handshake, before anything is signed. A key in a token signs on a
/// thread of the token's own, never on the event loop.
public struct TLSConnector: Connector {
    private let identity: Identity?
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
        self.identity = identity
        self.settings = settings
        self.inner = inner
        shared = Shared(evaluator: TrustEvaluator(trust))
    }

    /// Connects by the inner connector and makes the handshake.
    ///
    /// - Throws: ``MTLSError``, also in place of what the identity source or the inner connector threw.
    public func connect(to endpoint: Endpoint, context: ConnectContext) async throws -> Connection {
        let name = settings.serverName ?? endpoint.host
        guard let expected = ServerName(name) else {
            throw MTLSError(
                .tlsOptionsInvalid, phase: .prepare, fault: .caller,
                "\"\(name)\" is neither a host name nor an address that a certificate could be for")
        }
        let candidates = try await identity?.candidates(for: endpoint) ?? []
        let tls = try shared.context(for: try settings.limited(to: candidates))
        try await shared.evaluator.prepare()

        let channel = try await inner.connect(to: endpoint, context: context).channel
        let completion = channel.eventLoop.makePromise(of: HandshakeSummary.self)
        shared.warn(context.logger)
        let judge = HandshakeJudge(shared.evaluator, expected: expected, name: name, endpoint: endpoint)
        defer { judge.cancel() }
        let timeouts = context.timeouts
        return try await withTaskCancellationHandler {
            try await channel.eventLoop.submit {
                var configuration = HandshakeConfiguration(
                    context: tls, peerName: endpoint.description, judge: judge.answer)
                configuration.serverName = name
                configuration.handshakeTimeout = timeouts.limit(of: .handshake)
                configuration.signatureTimeout = timeouts.limit(of: .signature)
                configuration.lane = candidates.lazy.compactMap { $0.certifiedKey.lane }.first
                configuration.choose = { request in
                    try IdentitySelector.choose(candidates, for: request, peer: endpoint.description)?.certifiedKey
                }
                let handler = GnuTLSHandler(configuration: configuration, completion: completion)
                do {
                    try channel.pipeline.syncOperations.addHandler(handler)
                } catch {
                    completion.fail(error)
                }
            }.get()
            let summary = try await completion.futureResult.get()
            return Connection(channel: channel, security: .authenticated(name: name), handshake: summary)
        } onCancel: {
            channel.close(promise: nil)
        }
    }

    /// What the connections of one connector share.
    private final class Shared: Sendable {
        let evaluator: TrustEvaluator
        private let hasWarned = Atomic(false)
        private let contexts = Mutex<[TLSSettings: TLSContext]>([:])

        init(evaluator: TrustEvaluator) {
            self.evaluator = evaluator
        }

        /// Once for all connections of the connector.
        func warn(_ logger: Logger) {
            guard evaluator.trustsAnything, !hasWarned.exchange(true, ordering: .relaxed) else { return }
            logger.warning("servers are not authenticated: anybody may answer (Trust.dangerouslyTrustAnything)")
        }

        func context(for settings: TLSSettings) throws(MTLSError) -> TLSContext {
            try contexts.withLock { (contexts) throws(MTLSError) in
                if let context = contexts[settings] { return context }
                let context = try Self.make(settings)
                contexts[settings] = context
                return context
            }
        }

        private static func make(_ settings: TLSSettings) throws(MTLSError) -> TLSContext {
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
                        applicationProtocols: settings.applicationProtocols, priority: settings.priority))
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
    fileprivate func limited(to candidates: [ClientIdentity]) throws(MTLSError) -> TLSSettings {
        guard let first = candidates.first, !candidates.contains(where: \.signsInTLS13) else { return self }
        let canSign = candidates.contains { $0.certifiedKey.publicKey.schemes.contains(where: $0.supports) }
        guard canSign, minimumVersion == .v1_2 else {
            throw MTLSError(
                .mechanismMissing, phase: .identity, fault: .token,
                canSign
                    ? "the key of \(first) cannot sign in TLS 1.3: its token lacks the mechanism for it (RSASSA-PSS for RSA keys)"
                    : "the key of \(first) cannot sign: its token lacks the mechanism for keys of its kind",
                advice: canSign ? "allow TLS 1.2, or use an ECDSA key" : "use a key of another kind")
        }
        var limited = self
        limited.maximumVersion = .v1_2
        return limited
    }
}

import GnuTLS
import GnuTLSNIO
import Logging
public import MTLSCore
public import MTLSIdentity
import NIOCore
import NIOPosix

/// Looks at a server as a client would: what it speaks, whether it is to be trusted, what it asks of clients, and which
/// identity it would be shown.
///
/// ```swift
/// let report = try await Probe("https://api.example", identity: identity).examine()
/// print(report.demand ?? .none, report.candidates.first(where: \.isChosen)?.identity.subject ?? "nobody")
/// ```
///
/// What keeps the key:
/// - The first handshakes, one for each version of TLS, show no identity. They go on when the server is not trusted, to
///   learn what it asks for, and send nothing but the handshake.
/// - A request (GET) with the identity is made only if the server is trusted.
/// - A key that is not in memory, such as one in a token, signs only if ``signs`` allows it, and then once. Without that
///   the report says what would be shown, and no login is tried but to a token that hides its certificates until then.
public struct Probe: Sendable {
    private let url: ParsedURL
    private let identity: Identity?
    private let trust: Trust
    private let settings: TLSSettings
    private let connector: (any Connector)?

    /// Whether a key outside of this process's memory may sign, once. False unless set.
    public var signs = false
    /// How long each step may take.
    public var timeouts = Timeouts(responseHead: .seconds(30))

    /// Prepares a probe; nothing is connected yet.
    ///
    /// - Parameters:
    ///   - url: An https URL.
    ///   - identity: Who would ask.
    ///   - trust: Whom to trust.
    ///   - tls: What to offer. Both versions are tried; what a request would meet depends on these settings.
    ///   - connector: Makes the connections beneath; without one, TCP.
    /// - Throws: ``MTLSError`` with ``MTLSError/Code/urlInvalid`` or ``MTLSError/Code/tlsOptionsInvalid``.
    public init(
        _ url: String, identity: Identity? = nil, trust: Trust = .system, tls: TLSSettings = TLSSettings(),
        over connector: (any Connector)? = nil
    ) throws(MTLSError) {
        let parsed = try ParsedURL(url)
        guard parsed.origin.scheme == .https else {
            throw MTLSError(
                .urlInvalid, phase: .prepare, fault: .caller,
                "\"\(parsed.origin)\" is not https: there is no TLS to probe")
        }
        let name = tls.serverName ?? parsed.origin.host
        guard ServerName(name) != nil else {
            throw MTLSError(
                .tlsOptionsInvalid, phase: .prepare, fault: .caller,
                "\"\(name)\" is neither a host name nor an address that a certificate could be for")
        }
        self.url = parsed
        self.identity = identity
        self.trust = trust
        settings = tls
        self.connector = connector
    }

    /// Makes the handshakes, and the request. It never throws: what goes wrong is in the report.
    @concurrent
    public func examine() async -> ProbeReport {
        let endpoint = url.origin.endpoint
        let name = settings.serverName ?? endpoint.host
        var report = ProbeReport(origin: url.origin, serverName: name)
        let candidates = await load(&report)
        let evaluator = await evaluator(&report)
        guard await resolve(&report), let expected = ServerName(name) else { return report }
        let handshake = ProbeHandshake(
            endpoint: endpoint, name: name, expected: expected, evaluator: evaluator, connector: transport,
            context: ConnectContext(
                eventLoop: MultiThreadedEventLoopGroup.singleton.next(), origin: url.origin, timeouts: timeouts,
                logger: Logger(label: "mtls") { _ in SwiftLogNoOpLogHandler() }), settings: settings)
        let request = await look(by: handshake, candidates, &report)
        if report.error == nil { await attempt(candidates, request, &report) }
        report.error = report.error?.at(url.origin.description)
        report.addNotes()
        return report
    }

    private var transport: any Connector { connector ?? TCPConnector() }

    /// The first trouble is what a request would meet.
    private func load(_ report: inout ProbeReport) async -> [ClientIdentity] {
        do {
            return try await identity?.candidates(for: url.origin.endpoint) ?? []
        } catch {
            report.error = .wrapping(error, .identityUnusable, .identity)
            return []
        }
    }

    private func evaluator(_ report: inout ProbeReport) async -> TrustEvaluator? {
        let evaluator = TrustEvaluator(trust)
        do {
            try await evaluator.prepare()
            return evaluator
        } catch {
            let error = MTLSError.wrapping(error, .trustUnreadable, .trust)
            report.refusal = error
            report.error = report.error ?? error
            return nil
        }
    }

    /// - Returns: Whether there is somewhere to connect to.
    private func resolve(_ report: inout ProbeReport) async -> Bool {
        let target = url.origin.endpoint
        guard connector == nil, case .dns = ServerName(target.host) else { return true }
        let start = ContinuousClock.now
        do {
            report.addresses = try await BlockingWork.run { try HostAddresses.find(target.host) }
            report.timings.resolve = .now - start
            return true
        } catch {
            report.error = report.error ?? .wrapping(error, .resolveFailed, .resolve).at(url.origin.description)
            return false
        }
    }

    /// Looks by every version, and at what the server would ask of a request.
    private func look(
        by handshake: ProbeHandshake, _ candidates: [ClientIdentity], _ report: inout ProbeReport
    ) async -> CertificateRequest? {
        var agreed: ProbeHandshake.Sighting?
        var first: ProbeHandshake.Sighting?
        var failure: MTLSError?
        for version in TLSVersion.allCases.sorted().reversed() {
            let sighting = await handshake.look(offering: version)
            let isOffered = (settings.minimumVersion...max(settings.minimumVersion, settings.maximumVersion))
                .contains(version)
            if first?.chain == nil { first = sighting }
            if isOffered || sighting.connect == nil { failure = sighting.failure ?? failure }
            // Without a connection beneath, the next version fares no better.
            guard let connect = sighting.connect else { break }
            report.timings.connect = report.timings.connect ?? connect
            report.versions.append(ProbeReport.Version(version, sighting))
            if agreed == nil, isOffered, report.versions.last?.isSpoken == true { agreed = sighting }
        }
        let seen = agreed ?? first
        report.chain = (seen?.chain ?? []).compactMap { try? Certificate(der: $0) }
        report.refusal = seen?.refusal ?? report.refusal
        report.demand = seen?.demand
        report.acceptedIssuers = (seen?.request?.acceptedIssuers ?? []).map(DistinguishedName.text)
        report.acceptedSchemes = seen?.request?.schemes ?? []
        report.timings.handshake = seen?.summary?.duration
        report.choose(candidates, seen?.request, peer: handshake.endpoint.description)
        report.error = report.error ?? report.refusal ?? (agreed == nil ? failure : nil)
        if candidates.isEmpty { report.error = report.error ?? agreed?.missingCertificate }
        return seen?.request
    }

    private func attempt(
        _ candidates: [ClientIdentity], _ request: CertificateRequest?, _ report: inout ProbeReport
    ) async {
        let isExternal = candidates.contains { $0.certifiedKey.lane != nil }
        var shown: Identity? = identity
        if isExternal, !signs {
            guard request == nil else {
                report.notes.append(
                    .init(
                        message: "no request was made: the key is not in memory and would have to sign",
                        remedy:
                            "allow one signature, to see whether the server accepts it: Probe.signs, or mtls probe --sign"
                    ))
                return
            }
            // The server may ask later, for a part of the site.
            shown = nil
        }
        let made = await ProbeAttempt(
            origin: url.origin, target: url.target, identity: shown, trust: trust, settings: settings,
            timeouts: timeouts, transport: transport, mayReconnect: !isExternal || shown == nil
        ).make()
        let resolve = report.timings.resolve
        report.attempt = made.attempt
        report.timings = made.timings
        report.timings.resolve = resolve
        report.error = made.attempt.failure
    }
}

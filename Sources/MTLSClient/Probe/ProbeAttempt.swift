import GnuTLSNIO
import HTTPTypes
import MTLSCore
import MTLSIdentity
import Synchronization

/// Makes the request that tells whether requests work.
struct ProbeAttempt: Sendable {
    let origin: Origin
    let target: String
    let identity: Identity?
    let trust: Trust
    let settings: TLSSettings
    let timeouts: Timeouts
    let transport: any Connector
    /// Whether there may be a second connection, which costs a signature where the server does not resume.
    let mayReconnect: Bool

    func make() async -> (attempt: ProbeReport.Attempt, timings: ProbeReport.Timings) {
        var (attempt, timings) = (ProbeReport.Attempt(), ProbeReport.Timings())
        let journal = Journal()
        let tls = TLSConnector(
            identity: identity, trust: trust, settings: settings, over: Transport(inner: transport, journal: journal))
        var settings = ClientSettings()
        settings.timeouts = timeouts
        settings.maximumRequestsPerConnection = 1
        let client = Client(
            origin: origin, connector: Secure(inner: tls, journal: journal), settings: settings, logger: nil)
        let request = HTTPRequest(method: .get, scheme: nil, authority: nil, path: target)
        do {
            let status = try await client.execute(request).status.code
            attempt.status = status
            timings.firstByte = journal.last.withLock { $0.ready.map { .now - $0 } }
        } catch {
            attempt.failure = error as? MTLSError
        }
        let first = journal.last.withLock { $0 }
        attempt.handshake = first.handshake
        timings.connect = first.connect
        timings.handshake = first.handshake.map { $0.duration - $0.signatureDuration }
        timings.signature = first.handshake.flatMap { $0.signatureDuration > .zero ? $0.signatureDuration : nil }
        if attempt.failure == nil, mayReconnect, (try? await client.execute(request)) != nil {
            attempt.isResumed = journal.last.withLock { $0.handshake?.isResumed }
        }
        await client.shutdown(graceful: false)
        return (attempt, timings)
    }

    /// What is known of the connection that was made last.
    private final class Journal: Sendable {
        struct Entry: Sendable {
            var connect: Duration?
            var ready: ContinuousClock.Instant?
            var handshake: HandshakeSummary?
        }

        let last = Mutex(Entry())
    }

    private struct Transport: Connector {
        let inner: any Connector
        let journal: Journal

        func connect(to endpoint: Endpoint, context: ConnectContext) async throws -> Connection {
            let start = ContinuousClock.now
            let connection = try await inner.connect(to: endpoint, context: context)
            journal.last.withLock { $0 = .init(connect: .now - start) }
            return connection
        }
    }

    private struct Secure: Connector {
        let inner: any Connector
        let journal: Journal

        func connect(to endpoint: Endpoint, context: ConnectContext) async throws -> Connection {
            let connection = try await inner.connect(to: endpoint, context: context)
            journal.last.withLock { entry in
                entry.ready = .now
                entry.handshake = connection.handshake
            }
            return connection
        }
    }
}

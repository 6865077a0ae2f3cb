import GnuTLS
public import MTLSCore
import Synchronization

import func Glibc.time

/// What happens to an identity while a program runs.
public enum IdentityEvent: Sendable {
    /// Others have taken the place of the old ones: new connections show them, and the connections of the old ones take no
    /// further request.
    case reloaded(old: [ClientIdentity], new: [ClientIdentity])
    /// What was found cannot be used; the old ones stay. Said once, until the failure or the files change.
    case reloadFailed(MTLSError)
    /// The certificate, or one of its chain, expires soon.
    ///
    /// - Parameter daysLeft: Whole days.
    case expiring(ClientIdentity, daysLeft: Int)
    /// The certificate, or one of its chain, has expired.
    case expired(ClientIdentity)
}

extension IdentityEvent: CustomStringConvertible {
    /// One line for people.
    public var description: String {
        switch self {
        case .reloaded(let old, let new):
            "\(Self.list(new)) took the place of \(Self.list(old))"
        case .reloadFailed(let error): "the identity was not reloaded, the old one stays: \(error)"
        case .expiring(let identity, let days):
            "the certificate of \(identity) expires on \(Calendar.text(identity.notAfter)), \(days) whole days from now"
        case .expired(let identity):
            "the certificate of \(identity) expired on \(Calendar.text(identity.notAfter))"
        }
    }

    private static func list(_ identities: [ClientIdentity]) -> String {
        identities.map { identity in
            "\(identity), serial \(identity.chain.first?.serialNumber ?? ""), valid until \(Calendar.text(identity.notAfter))"
        }.joined(separator: " and ")
    }
}

extension Identity {
    /// The same identity; `body` is told what happens to it.
    ///
    /// Dates are looked at before each connection, and while none is made, every few seconds for files and every hour for
    /// other sources of this package.
    ///
    /// - Parameters:
    ///   - days: How many days ahead an expiry is announced, once each. A number that is more than half of a certificate's
    ///     lifetime is passed over.
    ///   - body: Called on any thread; it must not block, and may be called more than once at a time.
    public func observed(
        expiryDays days: [Int] = [30, 7, 1], _ body: @escaping @Sendable (IdentityEvent) -> Void
    ) -> Identity {
        Identity(ObservedIdentity(self, days, body))
    }

    /// The identities that are in use, without loading any: for metrics, such as the days until
    /// ``ClientIdentity/notAfter``. Empty before the first connection, and for sources of one's own.
    public var current: [ClientIdentity] { (source as? any ObservableIdentity)?.current ?? [] }

    /// Loads certificates and keys anew, from files and tokens, and checks them before they take the place of the old ones.
    ///
    /// Files need no call: they are looked at when a connection is made and the last look is a quarter of a second ago, and
    /// every five seconds in any case. A connection waits for that, half a second at most. Files are replaced by others,
    /// by renaming or by turning a link; the key and the certificate one after the other, in either order. Until they fit,
    /// the old ones are used and ``IdentityEvent/reloadFailed(_:)`` is said.
    ///
    /// Of a token the certificate is looked for, and then the key, which may ask for the PIN. What has not changed stays as
    /// it is, and so do its connections. Of several identities all are reloaded, and then the first error is thrown.
    ///
    /// - Throws: ``MTLSError`` when something cannot be used; what was in use before stays in use.
    public func reload() async throws { try await source.reload() }
}

/// What a source tells of itself.
enum IdentityNews: Sendable {
    case reloaded(old: [ClientIdentity], new: [ClientIdentity])
    case reloadFailed(MTLSError)
    /// Time has passed, and these are still in use.
    case looked([ClientIdentity])
}

/// A source that tells what happens to its identities.
protocol ObservableIdentity: Sendable {
    var current: [ClientIdentity] { get }

    /// Tells `body` of it as long as the observations are there.
    func observe(_ body: @escaping @Sendable (IdentityNews) -> Void) -> [Observation]
}

extension Identity: ObservableIdentity {
    func observe(_ body: @escaping @Sendable (IdentityNews) -> Void) -> [Observation] {
        (source as? any ObservableIdentity)?.observe(body) ?? []
    }
}

private struct ObservedIdentity: IdentitySource, ObservableIdentity {
    private let source: Identity
    private let reporter: Reporter
    private let observations: [Observation]

    init(_ source: Identity, _ days: [Int], _ body: @escaping @Sendable (IdentityEvent) -> Void) {
        self.source = source
        let reporter = Reporter(days, body)
        self.reporter = reporter
        observations = source.observe { reporter.take($0) }
    }

    func candidates(for endpoint: Endpoint) async throws -> [ClientIdentity] {
        let found = try await source.candidates(for: endpoint)
        reporter.take(.looked(found))
        return found
    }

    func candidates(for endpoint: Endpoint, reachedBy: ReachedBy) async throws -> [ClientIdentity] {
        let found = try await source.candidates(for: endpoint, reachedBy: reachedBy)
        reporter.take(.looked(found))
        return found
    }

    func reload() async throws { try await source.reload() }

    var current: [ClientIdentity] { source.current }

    func observe(_ body: @escaping @Sendable (IdentityNews) -> Void) -> [Observation] { source.observe(body) }
}

/// Makes events of what is seen.
private final class Reporter: Sendable {
    private let watch: Mutex<ExpiryWatch<[UInt8]>>
    private let body: @Sendable (IdentityEvent) -> Void

    init(_ days: [Int], _ body: @escaping @Sendable (IdentityEvent) -> Void) {
        watch = Mutex(ExpiryWatch(days: days))
        self.body = body
    }

    func take(_ news: IdentityNews) {
        switch news {
        case .reloaded(let old, let new):
            body(.reloaded(old: old, new: new))
            look(at: new)
        case .reloadFailed(let error): body(.reloadFailed(error))
        case .looked(let identities): look(at: identities)
        }
    }

    private func look(at identities: [ClientIdentity]) {
        let now = Int64(time(nil))
        for identity in identities {
            guard let first = identity.chain.min(by: { $0.notAfter < $1.notAfter }) else { continue }
            let report = watch.withLock {
                $0.look(
                    at: .init(id: first.sha256Fingerprint, notBefore: first.notBefore, notAfter: first.notAfter),
                    now: now)
            }
            switch report {
            case .expiring(let days): body(.expiring(identity, daysLeft: days))
            case .expired: body(.expired(identity))
            case nil: break
            }
        }
    }
}

import GnuTLS
import Synchronization

extension ClientIdentity {
    /// The last second in which the whole chain is valid, since 1970 UTC.
    public var notAfter: Int64 { chain.map(\.notAfter).min() ?? .min }

    /// Whether no other has taken its place in the source that it came from. Connections that show one that is not are
    /// given no further request.
    public var isCurrent: Bool { succession.isCurrent }

    /// Another one has taken its place.
    func supersede() { succession.end() }

    /// Calls `body` when another one takes its place, on whatever thread; at once if that was before.
    package func whenSuperseded(_ body: @escaping @Sendable () -> Void) -> Observation {
        let observation = succession.observers.add(body)
        if !isCurrent { body() }
        return observation
    }

    /// Whether both show the same certificates and sign with the same key.
    func isSame(as other: ClientIdentity) -> Bool {
        chain == other.chain && certifiedKey.publicKey == other.certifiedKey.publicKey && source == other.source
    }

    /// Whether an identity is its source's present one.
    final class Succession: Sendable {
        private let isOver = Atomic(false)
        let observers = Observers<Void>()

        var isCurrent: Bool { !isOver.load(ordering: .acquiring) }

        func end() {
            if !isOver.exchange(true, ordering: .acquiringAndReleasing) { observers.notify(()) }
        }
    }
}

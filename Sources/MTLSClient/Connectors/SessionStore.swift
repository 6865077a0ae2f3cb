import GnuTLS
import MTLSCore
import MTLSIdentity
import NIOCore
import Synchronization

/// The sessions of one connector, and the attempts that wait for some. It performs what ``ResumptionCache`` and
/// ``HandshakeCoalescing`` decide.
final class SessionStore: Sendable {
    /// All that a session belongs to but for the identities. Trust, identity source and settings are the connector's, and
    /// the server's name follows from the endpoint.
    struct Place: Hashable, Sendable {
        let endpoint: Endpoint
        /// Whether TLS 1.3 is left out for the sake of the identities' keys.
        let isLimited: Bool
    }

    /// The identities that may be shown, and the epochs of their keys.
    struct Stamp: Equatable, Sendable {
        private struct Part: Equatable {
            let fingerprint: [UInt8]
            let epoch: KeyEpoch
        }
        private let parts: [Part]

        init(_ candidates: [ClientIdentity], outlivingToken: Bool) {
            parts = candidates.map { candidate in
                var epoch = candidate.certifiedKey.epoch
                if outlivingToken { epoch.losses = 0 }
                return Part(fingerprint: candidate.fingerprint, epoch: epoch)
            }.sorted { $0.fingerprint.lexicographicallyPrecedes($1.fingerprint) }
        }

        var identities: [[UInt8]] { parts.map(\.fingerprint) }
    }

    /// Those who may wait for each other.
    struct Group: Hashable, Sendable {
        let place: Place
        let identities: [[UInt8]]

        func hash(into hasher: inout Hasher) {
            hasher.combine(place)
            for identity in identities { hasher.combine(bytes: identity) }
        }
    }

    typealias Cache = ResumptionCache<Place, Stamp, ResumableSession>

    struct State: Sendable {
        var cache: Cache
        var groups: [Group: HandshakeCoalescing] = [:]
        var waiting: [Int: ResumptionAttempt] = [:]
    }

    let policy: ResumptionPolicy
    private let state: Mutex<State>
    private let lastID = Atomic(0)

    init(_ policy: ResumptionPolicy) {
        self.policy = policy
        state = Mutex(State(cache: Cache(placeLimit: 64, sessionLimit: 16, maximumAge: policy.maximumAge)))
    }

    /// Begins an attempt to connect, when it is its turn.
    ///
    /// - Throws: `CancellationError`, or what the attempt failed with that this one waited for.
    func begin(
        at place: Place, _ candidates: [ClientIdentity], loop: any EventLoop
    ) async throws -> ResumptionAttempt {
        let stamp = Stamp(candidates, outlivingToken: policy.outlivesToken)
        let isCoalescing = policy.isOn && policy.isCoalescing && candidates.contains { $0.certifiedKey.lane != nil }
        let attempt = ResumptionAttempt(
            self, id: lastID.add(1, ordering: .relaxed).newValue, place: place, candidates: candidates,
            group: isCoalescing ? Group(place: place, identities: stamp.identities) : nil, loop: loop)
        guard policy.isOn else { return attempt }
        let waits = change(attempt.group, loop) { state, action in
            let (generation, entry) = state.enter(attempt, stamp)
            attempt.start(generation, entry)
            guard let name = attempt.group else { return false }
            var group = state.groups[name] ?? HandshakeCoalescing()
            defer { state.groups[name] = group }
            guard entry == nil else {
                group.resumes(attempt.id)
                return false
            }
            let (waits, arrival) = group.arrive(attempt.id, now: .now)
            action = arrival
            if waits { state.waiting[attempt.id] = attempt }
            return waits
        }
        if waits { try await attempt.wait() }
        return attempt
    }

    /// Changes the state, and does what the group of attempts decided.
    func change<Result: Sendable>(
        _ group: Group?, _ loop: any EventLoop,
        _ body: (inout State, inout HandshakeCoalescing.Action) -> Result
    ) -> Result {
        let (result, turns, timer) = state.withLock { state in
            var action = HandshakeCoalescing.Action()
            let result = body(&state, &action)
            let turns = state.turns(action)
            if let group, let machine = state.groups[group], machine.isIdle, !machine.hasLearned {
                state.groups[group] = nil
            }
            return (result, turns, action.timer)
        }
        for turn in turns { turn.attempt.endWait(turn.result) }
        if let timer, let group {
            loop.scheduleTask(deadline: timer.forLoop) { [weak self] in
                self?.change(group, loop) { state, action in
                    if let fired = state.groups[group]?.timer(now: .now) { action = fired }
                }
            }
        }
        return result
    }
}

extension SessionStore.State {
    struct Turn: Sendable {
        let attempt: ResumptionAttempt
        let result: Result<Void, any Error>
    }

    mutating func enter(
        _ attempt: ResumptionAttempt, _ stamp: SessionStore.Stamp
    ) -> (Int, SessionStore.Cache.Entry?) {
        let now = Deadline.now
        let generation = cache.enter(attempt.place, stamp, now: now)
        return (generation, cache.take(attempt.place, generation, now: now))
    }

    /// Whose turn it is, with what there is for him.
    mutating func turns(_ action: HandshakeCoalescing.Action) -> [Turn] {
        var turns: [Turn] = []
        for id in action.resume + action.proceed {
            guard let attempt = waiting.removeValue(forKey: id), let group = attempt.group else { continue }
            let (generation, entry) = enter(attempt, attempt.stamp)
            attempt.start(generation, entry)
            if entry == nil { groups[group]?.hasNoSession(id) } else { groups[group]?.resumes(id) }
            turns.append(Turn(attempt: attempt, result: .success(())))
        }
        if let fail = action.fail {
            for id in fail.followers {
                guard let attempt = waiting.removeValue(forKey: id) else { continue }
                turns.append(Turn(attempt: attempt, result: .failure(fail.error)))
            }
        }
        // Servers that taught something, and were not asked for long.
        if groups.count > 256 { groups = groups.filter { !$0.value.isIdle } }
        return turns
    }
}

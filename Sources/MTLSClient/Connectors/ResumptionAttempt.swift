import GnuTLS
import GnuTLSNIO
import MTLSCore
import MTLSIdentity
import NIOCore
import Synchronization

/// One attempt to connect, as far as it concerns the sessions of a connector.
final class ResumptionAttempt: Sendable {
    private enum Wait {
        case none
        case waiting(CheckedContinuation<Void, any Error>)
        case over(Result<Void, any Error>)
    }

    private struct State {
        var generation = 0
        /// Taken out of the cache, to be offered.
        var entry: SessionStore.Cache.Entry?
        var isOffered = false
        /// Whether the server showed its certificate, as it does in a full handshake alone.
        var isFull = false
        var isResumed = false
        /// How long sessions count that come of the one that was resumed.
        var limit: Deadline?
        var wait = Wait.none
    }

    let id: Int
    let place: SessionStore.Place
    /// Those that it waits for, and that wait for it; nil when nobody does.
    let group: SessionStore.Group?
    private let candidates: [ClientIdentity]
    private let store: SessionStore
    private let loop: any EventLoop
    private let state = Mutex(State())

    init(
        _ store: SessionStore, id: Int, place: SessionStore.Place, candidates: [ClientIdentity],
        group: SessionStore.Group?, loop: any EventLoop
    ) {
        self.store = store
        self.id = id
        self.place = place
        self.candidates = candidates
        self.group = group
        self.loop = loop
    }

    /// As of this moment.
    var stamp: SessionStore.Stamp {
        SessionStore.Stamp(candidates, outlivingToken: store.policy.outlivesToken)
    }

    // MARK: Waiting

    func start(_ generation: Int, _ entry: SessionStore.Cache.Entry?) {
        state.withLock { state in
            state.generation = generation
            state.entry = entry
        }
    }

    func wait() async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let result: Result<Void, any Error>? = state.withLock { state in
                    if case .over(let result) = state.wait { return result }
                    state.wait = .waiting(continuation)
                    return nil
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            store.change(group, loop) { state, _ in state.waiting[id] = nil }
            ended()
            endWait(.failure(CancellationError()))
        }
    }

    /// Only the first result counts.
    func endWait(_ result: Result<Void, any Error>) {
        let continuation: CheckedContinuation<Void, any Error>? = state.withLock { state in
            switch state.wait {
            case .none: state.wait = .over(result)
            case .waiting(let continuation):
                state.wait = .over(result)
                return continuation
            case .over: break
            }
            return nil
        }
        continuation?.resume(with: result)
    }

    // MARK: The attempt

    /// Connects by `connect`, having judged what the stored session was established with; once more with a full
    /// handshake when the server breaks a handshake off over the session that it was offered.
    func run(
        judge: @escaping TLSConnector.Judge, known: KnownCertificates, loop: any EventLoop,
        _ connect: (ResumptionAttempt) async throws -> Connection
    ) async throws -> Connection {
        do {
            if let session = state.withLock({ $0.entry?.session }),
                case .failure = await Self.verdict(of: judge, on: session.peerChain, known, loop)
            {
                wipe()
            }
            do {
                return try await connect(self)
            } catch let error as MTLSError where isOverSession(error) {
                wipe()
                return try await connect(self)
            }
        } catch {
            failed(error)
            throw error
        }
    }

    private static func verdict(
        of judge: @escaping TLSConnector.Judge, on chain: [[UInt8]], _ known: KnownCertificates, _ loop: any EventLoop
    ) async -> Result<Void, any Error> {
        await withCheckedContinuation { continuation in
            loop.hereOrLater {
                let server = PresentedChain(chain, staples: nil, known: known)
                if let verdict = judge(server, { continuation.resume(returning: $0) }) {
                    continuation.resume(returning: verdict)
                }
            }
        }
    }

    /// The session to offer; it counts as used.
    func offer() -> ResumableSession? {
        state.withLock { state in
            state.isOffered = state.entry != nil
            return state.entry?.session
        }
    }

    /// The server shows its certificate.
    func makesFullHandshake() { state.withLock { $0.isFull = true } }

    /// Whether the session is offered alone: to a server that has resumed one of its kind before.
    var offersAlone: Bool { state.withLock { $0.entry?.isProven ?? false } }

    /// Whether the server has broken the handshake off over the session that it was offered, or the version that came
    /// with it.
    private func isOverSession(_ error: MTLSError) -> Bool {
        guard state.withLock({ $0.isOffered && !$0.isFull }) else { return false }
        switch error.code {
        case .handshakeFailed, .versionUnsupported: return true
        case .connectionLost: return error.phase == .handshake && offersAlone
        default: return false
        }
    }

    /// What is kept for the place does not hold.
    private func wipe() {
        let generation = state.withLock { state in
            state.entry = nil
            return state.generation
        }
        tell { [place, id, group] state, _ in
            state.cache.wipe(place, generation)
            if let group { state.groups[group]?.hasNoSession(id) }
        }
        renew()
    }

    private func renew() {
        let generation = state.withLock { $0.generation }
        let renewed = tell { [place, stamp] state, _ in state.cache.adopt(place, stamp, from: generation) }
        state.withLock { $0.generation = renewed ?? -1 }
    }

    // MARK: What becomes of it

    func observe(_ event: ResumptionEvent) {
        guard store.policy.isOn else { return }
        switch event {
        case .outdated: wipe()
        case .established(let summary, let sessions): established(summary, sessions)
        case .given(let session): keep(session)
        case .answered: coalesce { $0.exhausted($1) }
        case .rejected(let error): rejected(error)
        }
    }

    private func established(_ summary: HandshakeSummary, _ sessions: [ResumableSession]) {
        let (declined, proves) = state.withLock { state in
            let entry = state.entry.take()
            state.isResumed = summary.isResumed
            state.limit = summary.isResumed ? entry?.limit : nil
            let proves = summary.isResumed && summary.version == .v1_2 && entry?.isProven == false
            return (summary.isResumed ? nil : entry?.session, proves)
        }
        if !summary.isResumed { renew() }
        let generation = state.withLock { $0.generation }
        if let declined {
            tell { [place] state, _ in state.cache.remove(place, generation) { $0.isSame(as: declined) } }
        } else if proves {
            tell { [place] state, _ in state.cache.prove(place, generation) }
        }
        for session in sessions { keep(session) }
        let mayCome = summary.version == .v1_3 && (summary.clientCertificate != nil || candidates.isEmpty)
        let grace = max(.milliseconds(200), (summary.duration - summary.signatureDuration) * 4)
        coalesce {
            $0.established($1, isResumed: summary.isResumed, grace: mayCome ? grace : nil, now: .now)
        }
    }

    /// A session in which we showed nobody must not serve whoever configured an identity.
    private func keep(_ session: ResumableSession) {
        guard (session.shown == nil) == candidates.isEmpty else { return }
        let (generation, limit) = state.withLock { ($0.generation, $0.limit) }
        tell { [place, id, group] state, action in
            let isKept = state.cache.put(
                session, place, generation, lifetime: session.lifetime, isReusable: session.isReusable, limit: limit,
                now: .now)
            if isKept, let group, let freed = state.groups[group]?.given(id, isReusable: session.isReusable) {
                action = freed
            }
        }
    }

    private func rejected(_ error: MTLSError) {
        if state.withLock({ $0.isResumed }) {
            wipe()
            coalesce { $0.failed($1, .other) }
        } else {
            coalesce { $0.failed($1, error.failure) }
        }
    }

    private func failed(_ error: any Error) {
        let (unused, generation) = state.withLock { state in
            (state.isOffered ? nil : state.entry, state.generation)
        }
        if let unused { tell { [place] state, _ in state.cache.putBack(unused, place, generation) } }
        // A server that has come to refuse the old version may do so by silence.
        if (error as? MTLSError)?.code == .timeoutHandshake, offersAlone { wipe() }
        coalesce { $0.failed($1, (error as? MTLSError)?.failure ?? .other) }
    }

    /// Its connection is closed, or it is given up.
    func ended() { coalesce { $0.ended($1) } }

    @discardableResult
    private func tell<Value: Sendable>(
        _ body: (inout SessionStore.State, inout HandshakeCoalescing.Action) -> Value
    ) -> Value {
        store.change(group, loop, body)
    }

    private func coalesce(_ event: (inout HandshakeCoalescing, Int) -> HandshakeCoalescing.Action) {
        guard let group else { return }
        tell { [id] state, action in
            guard var machine = state.groups.removeValue(forKey: group) else { return }
            action = event(&machine, id)
            state.groups[group] = machine
        }
    }
}

extension MTLSError {
    /// What the failure of one attempt means to those that wait for it.
    fileprivate var failure: HandshakeCoalescing.Failure {
        switch (phase, code) {
        case (_, .cancelled): .other
        case (.resolve, _), (.connect, _), (.proxy, _), (_, .timeoutHandshake): .unreachable
        default: isPermanent ? .permanent(self) : .other
        }
    }
}

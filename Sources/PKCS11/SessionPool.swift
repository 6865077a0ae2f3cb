import CP11Kit
import Synchronization

/// How long sessions live.
package struct SessionPolicy: Sendable {
    /// How often a session is used: some TPM modules fail after 65,000 signatures in one.
    package var uses = 10_000
    /// How long a session is used.
    package var age = Duration.seconds(3600)
    /// How long it is remembered that the token refused to open more sessions.
    package var refusal = Duration.seconds(60)

    package init() {}
}

/// The sessions of one token: those that sign, and one logged-in anchor that keeps the login when the others close.
///
/// A session is opened when it is needed, lent to one thread at a time, most recently used first, and closed when it has
/// failed in a way that leaves its state unknown. Nothing pings it.
///
/// When the token is lost a new *generation* begins: free sessions, and the one in which the loss showed, close before
/// any new one opens, since a module may give an old session's number to a new one; the module may have kept them. Lent
/// ones end with the call that they are lent for. Nobody closes a
/// session that another thread is using: modules crash over that.
final class SessionPool: @unchecked Sendable {  // safe: what is mutable is guarded by monitor
    private let module: PKCS11Module
    private let identity: TokenInfo
    private let monitor = Monitor()
    private let returned = Condition()
    /// Nil while nobody knows where the token is.
    private var slot: CK_SLOT_ID?
    private var currentGeneration = 0
    private var free: [Session] = []
    /// The sessions of this generation that sign, free or lent.
    private var open = 0
    /// How many may be open: lowered when the token refuses to open more.
    private var limit: Int
    private var wantedLimit: Int
    /// When the token last refused to open one more.
    private var refused: ContinuousClock.Instant?
    private var policy = SessionPolicy()
    private var anchor: Session?
    /// How often the token was found to be lost. Answers at once, whatever the token is doing.
    let losses = Atomic(0)
    private let mayAnchor: Bool

    init(_ module: PKCS11Module, _ found: SlotWithToken, limit: Int) {
        self.module = module
        identity = found.token
        slot = found.slot.id
        self.limit = limit
        wantedLimit = limit
        mayAnchor = found.token.maxSessions != 1
    }

    func setLimit(_ limit: Int) {
        monitor.withLock {
            self.limit = limit
            wantedLimit = limit
            refused = nil
            returned.broadcast()
        }
    }

    func setPolicy(_ policy: SessionPolicy) { monitor.withLock { self.policy = policy } }

    /// Lends a session, a new one where none is free. When the token refuses to open one more, it waits for another's.
    func take() throws(PKCS11Error) -> Session {
        monitor.lock()
        defer { monitor.unlock() }
        while true {
            if let session = free.popLast() { return session }
            if open >= limit, let refused, ContinuousClock.now - refused >= policy.refusal {
                // Those who held the other sessions may have closed some.
                limit = wantedLimit
                self.refused = nil
            }
            if open >= limit {
                returned.wait(monitor)
                continue
            }
            do throws(PKCS11Error) {
                let session = try openOne()
                open += 1
                return session
            } catch {
                guard error.returnCode?.rawValue == CKR_SESSION_COUNT else { throw error }
                refused = .now
                if open > 0 {
                    limit = open
                } else if let session = anchor {
                    anchor = nil
                    (open, limit) = (1, 1)
                    return session
                } else {
                    throw error
                }
            }
        }
    }

    /// Takes a session back.
    func give(back session: Session) {
        monitor.lock()
        defer { monitor.unlock() }
        let isCurrent = session.generation == currentGeneration
        session.uses += 1
        if isCurrent, session.condition == .good, !isWorn(session) {
            session.idleSince = .now
            free.append(session)
        } else {
            if session.condition != .gone { session.close() }
            if isCurrent {
                open -= 1
                // The last session takes the login, and the handles of private objects, with it.
                if open == 0, anchor == nil { currentGeneration += 1 }
            }
        }
        returned.signal()
    }

    /// Whether a session is to be replaced. One that alone keeps the login is not: a person may have to give the PIN.
    private func isWorn(_ session: Session) -> Bool {
        anchor != nil && (session.uses >= policy.uses || ContinuousClock.now - session.opened >= policy.age)
    }

    /// The session that logs in and stays, nil where the token has too few for that.
    func anchored() -> Session? {
        monitor.lock()
        defer { monitor.unlock() }
        if anchor == nil, mayAnchor { anchor = try? openOne() }
        return anchor
    }

    /// Begins a new generation, unless another thread has ended the generation `lost` before.
    ///
    /// - Parameter session: The lent session that the loss showed in: it is not used again.
    func abandon(_ lost: Int, with session: Session? = nil) {
        monitor.lock()
        defer { monitor.unlock() }
        guard lost == currentGeneration else { return }
        losses.add(1, ordering: .relaxed)
        if let session {
            session.close()
            session.condition = .gone
        }
        for session in free { session.close() }
        anchor?.close()
        currentGeneration += 1
        free.removeAll()
        anchor = nil
        open = 0
        limit = wantedLimit
        refused = nil
        slot = nil
        returned.broadcast()
    }

    /// Closes the sessions that nobody has used for `time`, as long as another keeps the login.
    func closeIdle(for time: Duration) {
        monitor.withLock {
            guard anchor != nil else { return }
            let now = ContinuousClock.now
            let idle = free.prefix { now - $0.idleSince >= time }
            for session in idle { session.close() }
            open -= idle.count
            free.removeFirst(idle.count)
        }
    }

    /// Closes the sessions that nobody uses. Without any the login is gone, too, and with it the handles of private keys.
    func closeFree() {
        monitor.lock()
        defer { monitor.unlock() }
        open -= free.count
        for session in free { session.close() }
        free.removeAll()
        guard open == 0 else { return }
        anchor?.close()
        anchor = nil
        currentGeneration += 1
    }

    var generation: Int { monitor.withLock { currentGeneration } }

    /// Where the token is now.
    func locate() throws(PKCS11Error) -> CK_SLOT_ID {
        monitor.lock()
        defer { monitor.unlock() }
        return try located()
    }

    private func openOne() throws(PKCS11Error) -> Session {
        try Session(module.cryptoki, slot: located(), generation: currentGeneration)
    }

    /// Looks for the token by its serial number and label in all slots: their numbers change when tokens come and go.
    private func located() throws(PKCS11Error) -> CK_SLOT_ID {
        if let slot { return slot }
        let (found, failure) = try module.survey(restarting: true)
        let matches = found.filter { $0.token.isSameToken(as: identity) }
        guard let match = matches.first else {
            throw PKCS11Error(
                .removed, "the token is no longer in any slot", advice: "put the token back", because: failure)
        }
        guard matches.count == 1 else {
            throw PKCS11Error(.ambiguous, "\(matches.count) slots hold a token with this serial number and label")
        }
        slot = match.slot.id
        return match.slot.id
    }
}

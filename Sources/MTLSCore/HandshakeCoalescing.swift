/// Lets handshakes that would each cost a signature wait for the sessions of one that is being made.
///
/// # Theory of operation
/// Of the attempts to connect to one place, the first makes a full handshake. Those that come while it, or any other
/// attempt, may still be given a session wait: they are *followers*, the others *suppliers*. Each session that comes
/// lets one follower go, or all of them when it is reusable, and he is a supplier in his turn: a server that gives one
/// ticket for a resumed session serves any number, one after the other.
///
/// A supplier stops being one when its connection ends, when the first data comes (servers give tickets before they
/// answer), or when a time of grace after its handshake is over. When the last one has stopped, the next follower makes a
/// full handshake. What a server teaches is kept: after one that gave no session, or declined two that followers in
/// succession, nobody waits, until one is given, or resumed, again.
///
/// A failure that would befall all befalls all: nobody tries the PIN, or asks for a touch, for what has just been
/// refused. When the server cannot be reached, followers go at once: no signature is at stake yet, and time is lost.
package struct HandshakeCoalescing: Sendable {
    package typealias ID = Int

    /// What followers are to do.
    package struct Action: Sendable {
        /// A session is there for each of these.
        package var resume: [ID] = []
        /// Make a full handshake.
        package var proceed: [ID] = []
        /// Fail with the error.
        package var fail: (followers: [ID], error: MTLSError)?
        /// Call ``HandshakeCoalescing/timer(now:)`` then, at the latest.
        package var timer: Deadline?

        package init() {}
    }

    /// What became of an attempt that failed.
    package enum Failure: Sendable {
        /// It would befall everybody.
        case permanent(MTLSError)
        /// The server did not answer, or not in time.
        case unreachable
        /// Anything else, which the next one may be spared.
        case other
    }

    private struct Supplier {
        /// Whether it makes a full handshake, as far as is known.
        var isFull: Bool
        var hasGiven = false
        /// Set when its handshake is over.
        var graceEnd = Deadline.distantFuture
    }

    private var suppliers: [ID: Supplier] = [:]
    private var followers: [ID] = []
    private var givesNone = false
    private var declined = 0
    private var armed = Deadline.distantFuture

    package init() {}

    /// Whether nobody is under way.
    package var isIdle: Bool { suppliers.isEmpty && followers.isEmpty }
    /// Whether it is to be kept though nobody is under way.
    package var hasLearned: Bool { givesNone || declined > 0 }
    private var isVain: Bool { givesNone || declined >= 2 }

    /// An attempt begins that has no session to resume.
    ///
    /// - Returns: Whether it waits for an action that names it; otherwise it makes a full handshake.
    package mutating func arrive(_ id: ID, now: Deadline) -> (waits: Bool, action: Action) {
        var action = Action()
        endGrace(now)
        guard !isVain, !suppliers.isEmpty else {
            suppliers[id] = Supplier(isFull: true)
            return (false, action)
        }
        followers.append(id)
        settle(&action)
        return (true, action)
    }

    /// An attempt begins that has a session to resume.
    package mutating func resumes(_ id: ID) { suppliers[id] = Supplier(isFull: false) }

    /// The attempt makes a full handshake though it was to resume: there is no session for it after all.
    package mutating func hasNoSession(_ id: ID) { suppliers[id]?.isFull = true }

    /// The attempt was given a session.
    package mutating func given(_ id: ID, isReusable: Bool) -> Action {
        var action = Action()
        suppliers[id]?.hasGiven = true
        givesNone = false
        let count = isReusable ? followers.count : min(1, followers.count)
        for id in followers.prefix(count) {
            resumes(id)
            action.resume.append(id)
        }
        followers.removeFirst(count)
        return action
    }

    /// The attempt's handshake is over.
    ///
    /// - Parameter grace: How long sessions may take to come; nil when none comes any more.
    package mutating func established(_ id: ID, isResumed: Bool, grace: Duration?, now: Deadline) -> Action {
        guard let supplier = suppliers[id] else { return Action() }
        if !supplier.isFull { declined = isResumed ? 0 : declined + 1 }
        suppliers[id]?.isFull = !isResumed
        guard let grace else { return exhausted(id) }
        var action = Action()
        suppliers[id]?.graceEnd = now + grace
        settle(&action)
        return action
    }

    /// No session comes from the attempt any more, though its connection goes on.
    package mutating func exhausted(_ id: ID) -> Action {
        var action = Action()
        guard let supplier = suppliers.removeValue(forKey: id) else { return action }
        learn(from: supplier)
        settle(&action)
        return action
    }

    /// The attempt's connection ended, or was given up.
    package mutating func ended(_ id: ID) -> Action {
        var action = Action()
        suppliers[id] = nil
        followers.removeAll { $0 == id }
        settle(&action)
        return action
    }

    /// The attempt failed.
    package mutating func failed(_ id: ID, _ failure: Failure) -> Action {
        var action = Action()
        guard suppliers.removeValue(forKey: id) != nil else { return action }
        switch failure {
        case .permanent(let error):
            if !followers.isEmpty { action.fail = (followers, error) }
            followers = []
        case .unreachable: release(&action)
        case .other: settle(&action)
        }
        return action
    }

    /// The timer fired.
    package mutating func timer(now: Deadline) -> Action {
        var action = Action()
        armed = .distantFuture
        endGrace(now)
        settle(&action)
        return action
    }

    private mutating func endGrace(_ now: Deadline) {
        for (id, supplier) in suppliers where supplier.graceEnd <= now {
            suppliers[id] = nil
            learn(from: supplier)
        }
    }

    private mutating func learn(from supplier: Supplier) {
        if supplier.isFull, !supplier.hasGiven { givesNone = true }
    }

    private mutating func settle(_ action: inout Action) {
        guard !followers.isEmpty else { return }
        if isVain { return release(&action) }
        if suppliers.isEmpty {
            let next = followers.removeFirst()
            suppliers[next] = Supplier(isFull: true)
            action.proceed.append(next)
        }
        guard !followers.isEmpty else { return }
        let next = suppliers.values.reduce(Deadline.distantFuture) { min($0, $1.graceEnd) }
        if next < armed {
            armed = next
            action.timer = next
        }
    }

    private mutating func release(_ action: inout Action) {
        for id in followers { suppliers[id] = Supplier(isFull: true) }
        action.proceed += followers
        followers = []
    }
}

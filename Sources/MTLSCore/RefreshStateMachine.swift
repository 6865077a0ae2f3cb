/// Decides when the source of an identity is looked at again, and who waits for it.
///
/// Theory of operation
///
/// 1. What was not loaded yet is loaded for the first who asks, and everybody waits for it.
/// 2. What was loaded is looked at again when somebody asks and the last look ended `interval` ago. Who asks while that is
///    under way waits for its outcome: whatever was in place `interval` before a connection was begun, the connection
///    carries.
/// 3. Nobody who could be served waits longer than `patience`: a file system may hang, and a person may be looking for a
///    passphrase.
/// 4. One look or loading at a time. Who demands a loading while one is under way gets one of his own after it: the other
///    may have read what is out of date.
/// 5. A loading that failed is tried again when the source has changed, or after `retryInterval`: what was at fault may
///    have been something else.
package struct RefreshStateMachine: Sendable {
    package struct Pace: Sendable {
        package var interval = Duration.milliseconds(250)
        package var patience = Duration.milliseconds(500)
        package var retryInterval = Duration.seconds(30)
        package init() {}
    }

    /// What becomes of somebody who asks.
    package enum Answer: Hashable, Sendable {
        /// He gets what there is.
        case serve
        /// He waits for the outcome of what is under way.
        case wait
        /// Likewise, and it has to be begun now.
        case begin
    }

    private enum Phase { case resting, busy, overdue }

    private let pace: Pace
    private var phase = Phase.resting
    private var lastEnd = Deadline(nanoseconds: .min)
    private var retryTime: Deadline?
    /// Whether there is something to serve.
    package private(set) var isLoaded = false

    package init(_ pace: Pace = Pace()) { self.pace = pace }

    /// Somebody asks for the identities.
    package mutating func asked(now: Deadline) -> Answer {
        if isServing(now: now) { return .serve }
        guard case .resting = phase else { return .wait }
        phase = .busy
        return .begin
    }

    /// Whether who asks now gets what there is.
    package func isServing(now: Deadline) -> Bool {
        switch phase {
        case .busy: false
        case .overdue: isLoaded
        case .resting: isLoaded && now < lastEnd + pace.interval
        }
    }

    /// Somebody demands that they are loaded anew: ``Answer/begin``, or ``Answer/wait`` for the end of what is under way
    /// and then ask again.
    package mutating func demanded() -> Answer {
        guard case .resting = phase else { return .wait }
        phase = .busy
        return .begin
    }

    /// What is under way takes longer than `patience`.
    ///
    /// - Returns: Whether those who wait get what there is.
    package mutating func patienceEnded() -> Bool {
        guard case .busy = phase, isLoaded else { return false }
        phase = .overdue
        return true
    }

    /// Whether a loading that failed is to be tried again though nothing is seen to have changed.
    package func isRetryDue(now: Deadline) -> Bool { retryTime.map { $0 <= now } ?? false }

    /// The source was looked at and has not changed.
    package mutating func unchanged(now: Deadline) { rest(now) }

    package mutating func loaded(now: Deadline) {
        rest(now)
        isLoaded = true
        retryTime = nil
    }

    package mutating func failed(now: Deadline) {
        rest(now)
        retryTime = now + pace.retryInterval
    }

    private mutating func rest(_ now: Deadline) {
        phase = .resting
        lastEnd = now
    }
}

/// Decides which address of a host is tried when (RFC 8305).
///
/// The families take turns, the one of the first address first (§4). An attempt begins when the one before has failed, or
/// has not succeeded within the delay; it does not end the one before (§5). The first that succeeds ends all others.
package struct HappyEyeballs: Sendable {
    /// What the shell shall do, in this order.
    package struct Action: Sendable, Equatable {
        /// Begin to connect to these; report each with `connected` or `failed`.
        package var connect: [IPAddress] = []
        /// Call `timer` at this time, in place of any other; nil means that none is needed.
        package var timer: Deadline?
        /// How it ended, if it did. The attempts that are under way yet are of no use any more.
        package var outcome: Outcome?
    }

    package enum Outcome: Sendable, Equatable {
        case connected(IPAddress)
        /// Every address failed.
        case failed
    }

    /// RFC 8305 §8: recommended.
    package static let recommendedDelay = Duration.milliseconds(250)

    private var waiting: ArraySlice<IPAddress>
    private var running: Set<IPAddress> = []
    private var isOver = false
    private let delay: Duration
    private var next: Deadline?

    /// - Parameters:
    ///   - addresses: The preferred one first (RFC 6724). One that is listed twice is tried once.
    ///   - delay: Between the beginnings of two attempts.
    package init(_ addresses: [IPAddress], delay: Duration = recommendedDelay) {
        waiting = addresses.count > 1 ? Self.interleaved(addresses)[...] : addresses[...]
        self.delay = delay
    }

    package mutating func start(now: Deadline) -> Action { advance(now) }

    package mutating func connected(_ address: IPAddress) -> Action {
        guard !isOver, running.contains(address) else { return Action() }
        return end(.connected(address))
    }

    package mutating func failed(_ address: IPAddress, now: Deadline) -> Action {
        guard !isOver, running.remove(address) != nil else { return Action() }
        return advance(now)
    }

    package mutating func timer(now: Deadline) -> Action {
        guard !isOver else { return Action() }
        guard let next, next <= now else { return Action(timer: next) }
        return advance(now)
    }

    private mutating func advance(_ now: Deadline) -> Action {
        guard let address = waiting.popFirst() else {
            next = nil
            return running.isEmpty ? end(.failed) : Action()
        }
        running.insert(address)
        next = waiting.isEmpty ? nil : now + delay
        return Action(connect: [address], timer: next)
    }

    private mutating func end(_ outcome: Outcome) -> Action {
        isOver = true
        return Action(outcome: outcome)
    }

    private static func interleaved(_ addresses: [IPAddress]) -> [IPAddress] {
        var seen: Set<IPAddress> = []
        let distinct = addresses.filter { seen.insert($0).inserted }
        guard let isIPv6First = distinct.first?.isIPv6 else { return [] }
        let preferred = distinct.filter { $0.isIPv6 == isIPv6First }
        let others = distinct.filter { $0.isIPv6 != isIPv6First }
        return (0..<max(preferred.count, others.count)).flatMap { index in
            [preferred, others].compactMap { $0.indices.contains(index) ? $0[index] : nil }
        }
    }
}

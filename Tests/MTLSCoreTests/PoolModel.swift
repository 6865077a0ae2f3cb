import Testing

@testable import MTLSCore

/// A shell without I/O: it performs what the pool says, keeps its own books, and holds both against each other.
struct PoolModel: ~Copyable {
    enum Link: Hashable { case connecting, idle(until: Deadline), leased(request: Int), closing }

    struct Odds {
        var refusal = 0.2
        var rejection = 0.05
        var closing = 0.2
        var waitLimit = 0.5
    }

    private var pool: PoolStateMachine
    private let limit: Int
    private let odds: Odds
    private var random: SeededGenerator

    private(set) var links: [Int: Link] = [:]
    private(set) var waiting: Set<Int> = []
    private(set) var answers: [Int: Int] = [:]
    private(set) var leases = 0
    private(set) var shutdowns = 0
    /// The attempts that were under way when another one was rejected.
    private var old: Set<Int> = []
    private var isClosed = false
    private var now = Deadline.start
    private var timer = Deadline.distantFuture
    private var waitDeadlines: [Int: Deadline] = [:]

    init(seed: UInt64, limit: Int, odds: Odds, change: (inout PoolStateMachine.Configuration) -> Void) throws {
        var configuration = PoolStateMachine.Configuration(origin: try testOrigin())
        configuration.connectionLimit = limit
        change(&configuration)
        pool = PoolStateMachine(configuration)
        self.limit = limit
        self.odds = odds
        random = SeededGenerator(state: seed)
    }

    // MARK: Events

    /// One random event out of those that can happen now.
    mutating func step(mayLease: Bool) throws {
        switch Int.random(in: 0..<10, using: &random) {
        case 0...2 where mayLease: try lease()
        case 0...4: try endAttempt()
        case 5...7: try release()
        case 8: try disturb()
        default: try advance(by: .milliseconds(Int.random(in: 0...3000, using: &random)))
        }
        check()
    }

    mutating func shutdown(isGraceful: Bool) throws {
        isClosed = true
        try perform(pool.shutdown(isGraceful: isGraceful, now: now), after: "shutdown")
        check()
    }

    private mutating func lease() throws {
        leases += 1
        let id = leases
        let waitLimit: Duration? = chance(odds.waitLimit) ? .seconds(Int.random(in: 1...20, using: &random)) : nil
        waiting.insert(id)
        answers[id] = 0
        waitDeadlines[id] = waitLimit.map { now + $0 } ?? .distantFuture
        let action = pool.lease(id, waitLimit: waitLimit, distrustingIdle: chance(0.1), now: now)
        try perform(action, after: "lease \(id)")
    }

    private mutating func endAttempt() throws {
        guard let id = pick({ $0 == .connecting || $0 == .closing }) else { return }
        if links[id] == .closing {
            links[id] = nil
            try perform(pool.connectionClosed(id, now: now), after: "connectionClosed \(id)")
        } else if chance(odds.rejection) {
            links[id] = nil
            let before = waiting
            let action = try pool.connectFailed(id, testError(), isPermanent: true, now: now)
            // An attempt from before an earlier failure of this kind answers nobody: those who waited then are answered.
            #expect(Set(action.fail.map(\.request)) == (old.contains(id) ? [] : before), "rejected \(id)")
            if !old.contains(id) { old.formUnion(links.filter { $0.value == .connecting }.keys) }
            try perform(action, after: "rejected \(id)")
        } else if chance(odds.refusal) {
            links[id] = nil
            try perform(
                pool.connectFailed(id, testError(), isPermanent: false, now: now), after: "refused \(id)")
        } else {
            links[id] = .idle(until: now + .seconds(4))
            try perform(pool.connected(id, now: now), after: "connected \(id)")
        }
    }

    private mutating func release() throws {
        let leased = pick {
            if case .leased = $0 { true } else { false }
        }
        guard let id = leased, case .leased(let request)? = links[id] else { return }
        answers[request, default: 0] += 1
        if chance(odds.closing) {
            links[id] = .idle(until: now)
            try perform(pool.released(id, .close, now: now), after: "spent \(id)")
        } else {
            let until = now + .milliseconds(Int.random(in: 1...5000, using: &random))
            links[id] = .idle(until: until)
            try perform(pool.released(id, .keep(until: until), now: now), after: "kept \(id)")
        }
    }

    /// A connection breaks or is retired, or a request is cancelled.
    private mutating func disturb() throws {
        if chance(0.4), let request = waiting.sorted().randomElement(using: &random) {
            waiting.remove(request)
            answers[request, default: 0] += 1
            try perform(pool.cancelWaiter(request), after: "cancel \(request)")
        } else if let id = pick({ $0 != .connecting && $0 != .closing }) {
            if chance(0.3) {
                try perform(pool.retire(id, now: now), after: "retire \(id)")
                return
            }
            if case .leased(let request)? = links[id] { answers[request, default: 0] += 1 }
            links[id] = nil
            try perform(pool.connectionClosed(id, now: now), after: "connectionClosed \(id)")
        }
    }

    mutating func advance(by span: Duration) throws {
        let end = now + span
        while timer <= end {
            now = max(now, timer)
            timer = .distantFuture
            try perform(pool.timer(now: now), after: "timer")
        }
        now = end
        for case .idle(let until) in links.values { #expect(until > now, "an idle connection outlives its time") }
        let overdue = waiting.count { waitDeadlines[$0] ?? .distantFuture <= now }
        #expect(overdue <= count { $0 == .connecting }, "a request waits beyond its limit and for no attempt")
    }

    // MARK: Actions

    private mutating func perform(_ action: PoolStateMachine.Action, after event: String) throws {
        for id in action.close {
            try #require(links[id] != nil && links[id] != .closing, "\(event): close \(id)")
            // A connection that is closed under its request fails it.
            if case .leased(let request)? = links[id] { answers[request, default: 0] += 1 }
            links[id] = .closing
        }
        for failure in action.fail {
            try #require(waiting.remove(failure.request) != nil, "\(event): fail \(failure.request)")
            answers[failure.request, default: 0] += 1
        }
        for run in action.run {
            try #require(waiting.remove(run.request) != nil, "\(event): run \(run.request)")
            guard case .idle? = links[run.connection] else {
                Issue.record("\(event): run \(run.request) on \(run.connection), which is not free")
                continue
            }
            links[run.connection] = .leased(request: run.request)
        }
        for id in action.open {
            try #require(links.updateValue(.connecting, forKey: id) == nil, "\(event): open \(id)")
            #expect(count { $0 == .connecting } <= waiting.count, "\(event): more attempts than requests")
        }
        if let time = action.timer { timer = min(timer, time) }
        if action.isShutDown {
            shutdowns += 1
            #expect(links.isEmpty && waiting.isEmpty && isClosed, "\(event): shut down with something left")
        }
    }

    /// What holds between any two events.
    private func check() {
        let idle = count { if case .idle = $0 { true } else { false } }
        let busy = count { if case .leased = $0 { true } else { false } }
        let connecting = count { $0 == .connecting }
        #expect(idle + busy + connecting <= limit, "more connections than the limit")
        if !waiting.isEmpty {
            #expect(idle == 0, "a request waits while a connection idles")
            #expect(busy + connecting > 0, "a request waits for nothing")
        }
        for case .idle(let until) in links.values { #expect(timer <= until, "no timer for an idle connection") }
        if isClosed { #expect(idle == 0, "a connection idles after the shutdown") }
    }

    private func count(_ condition: (Link) -> Bool) -> Int { links.values.count(where: condition) }

    private mutating func pick(_ condition: (Link) -> Bool) -> Int? {
        links.filter { condition($0.value) }.keys.sorted().randomElement(using: &random)
    }

    private mutating func chance(_ odds: Double) -> Bool { Double.random(in: 0..<1, using: &random) < odds }
}

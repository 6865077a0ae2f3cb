import Glibc
import MTLSCore
import Synchronization

/// Identities that are loaded when they are first wanted, and anew when their files change or somebody demands it.
///
/// Performs what ``RefreshStateMachine`` decides. Files are looked at on a thread of their own, at most four times a
/// second while connections are made, and every few seconds in any case. What was loaded is served until something
/// better is there whole: a key that does not belong to its certificate, half a file or none at all is reported and
/// tried again when the files have changed.
final class RotatingIdentity: IdentitySource, ObservableIdentity {
    /// Why something is loaded.
    enum Occasion: Sendable {
        case first
        /// A file has changed.
        case changed
        /// Somebody demands it.
        case demanded
    }

    typealias Load = @Sendable (Occasion) async throws -> [ClientIdentity]

    struct Pace: Sendable {
        var refresh = RefreshStateMachine.Pace()
        /// Between two looks when nobody asks.
        var watch = Duration.seconds(5)

        /// Where there are no files there is nothing to look at but the dates.
        static let withoutFiles: Pace = {
            var pace = Pace()
            pace.refresh.interval = .seconds(1800)
            pace.watch = .seconds(3600)
            return pace
        }()
    }

    fileprivate struct State {
        var machine: RefreshStateMachine
        var identities: [ClientIdentity] = []
        /// Nil for what is not watched: what is no regular file, such as a pipe, can be read only once.
        var seen: WatchedFiles.Snapshot?
        /// The failure that was reported last, while it lasts.
        var reported: String?
        var waiters: [CheckedContinuation<[ClientIdentity], any Error>] = []
        var demands: [CheckedContinuation<Void, any Error>] = []
        var watch: Task<Void, Never>?
    }

    fileprivate enum Outcome {
        case unchanged(WatchedFiles.Snapshot?)
        case loaded([ClientIdentity], WatchedFiles.Snapshot)
        case failed(any Error, WatchedFiles.Snapshot)
    }

    private let files: WatchedFiles
    private let load: Load
    private let pace: Pace
    private let observers = Observers<IdentityNews>()
    private let state: Mutex<State>

    /// - Parameter files: What `load` reads.
    init(files: [String], pace: Pace? = nil, load: @escaping Load) {
        self.files = WatchedFiles(paths: files)
        self.load = load
        self.pace = pace ?? (files.isEmpty ? .withoutFiles : Pace())
        state = Mutex(State(machine: RefreshStateMachine(self.pace.refresh)))
    }

    deinit { state.withLock { $0.watch }?.cancel() }

    var current: [ClientIdentity] { state.withLock { $0.identities } }
    /// How many wait for a loading of their own.
    var demandCount: Int { state.withLock { $0.demands.count } }

    func candidates(for endpoint: Endpoint) async throws -> [ClientIdentity] { try await refreshed() }

    private func refreshed() async throws -> [ClientIdentity] {
        if let served = state.withLock({ $0.machine.isServing(now: .monotonic) ? $0.identities : nil }) { return served }
        return try await withCheckedThrowingContinuation { continuation in
            let (served, begins): ([ClientIdentity]?, Occasion?) = state.withLock { state in
                let answer = state.machine.asked(now: .monotonic)
                guard answer != .serve else { return (state.identities, nil) }
                state.waiters.append(continuation)
                return (nil, answer == .wait ? nil : state.machine.isLoaded ? .changed : .first)
            }
            if let served { continuation.resume(returning: served) }
            if let begins { begin(begins, for: []) }
        }
    }

    func reload() async throws {
        try await withCheckedThrowingContinuation { continuation in
            let begins = state.withLock { state in
                let answer = state.machine.demanded()
                if answer == .wait { state.demands.append(continuation) }
                return answer == .begin
            }
            if begins { begin(.demanded, for: [continuation]) }
        }
    }

    func observe(_ body: @escaping @Sendable (IdentityNews) -> Void) -> [Observation] { [observers.add(body)] }

    // MARK: Looking and loading

    private func begin(_ occasion: Occasion, for demands: [CheckedContinuation<Void, any Error>]) {
        Task.detached { [self] in
            let patience = Task { [weak self, pace] in
                try await Task.sleep(for: pace.refresh.patience)
                self?.patienceEnded()
            }
            let outcome = await outcome(of: occasion)
            patience.cancel()
            settle(outcome, demands)
        }
    }

    private func outcome(of occasion: Occasion) async -> Outcome {
        let (seen, isRetryDue) = state.withLock { ($0.seen, $0.machine.isRetryDue(now: .monotonic)) }
        var snapshot: WatchedFiles.Snapshot
        if occasion == .changed {
            guard let seen else { return .unchanged(nil) }
            switch await looking({ $0.look(since: seen) }) {
            case .same(let same) where !isRetryDue: return .unchanged(same)
            case .same(let found), .changed(let found): snapshot = found
            }
        } else {
            snapshot = await looking { $0.snapshot() }
        }
        var failure: any Error
        var attempts = 3
        repeat {
            do { return .loaded(try await load(occasion), snapshot) } catch { failure = error }
            attempts -= 1
            // Files that are being swapped may fit a moment later.
            let look = await looking { [snapshot] in $0.look(since: snapshot) }
            guard snapshot.isWatchable, case .changed(let found) = look else { break }
            snapshot = found
        } while attempts > 0
        return .failed(failure, snapshot)
    }

    private func looking<Seen: Sendable>(_ body: @escaping @Sendable (WatchedFiles) -> Seen) async -> Seen {
        await withCheckedContinuation { continuation in
            BlockingWork.spawn { [files] in continuation.resume(returning: body(files)) }
        }
    }

    private func patienceEnded() {
        let (waiters, identities) = state.withLock { state in
            (state.machine.patienceEnded() ? state.takeWaiters() : [], state.identities)
        }
        for waiter in waiters { waiter.resume(returning: identities) }
    }

    private func settle(_ outcome: Outcome, _ demands: [CheckedContinuation<Void, any Error>]) {
        let (settled, waiters, queued) = state.withLock { state in
            let settled = state.apply(outcome, now: .monotonic)
            let queued = state.demands
            let begins = !queued.isEmpty && state.machine.demanded() == .begin
            if begins { state.demands = [] }
            if case .loaded = outcome, state.watch == nil { state.watch = watch() }
            return (settled, state.takeWaiters(), begins ? queued : [])
        }
        for identity in settled.superseded { identity.supersede() }
        for news in settled.news { observers.notify(news) }
        for waiter in waiters { waiter.resume(with: settled.answer) }
        for demand in demands { demand.resume(with: outcome.failure.map { .failure($0) } ?? .success(())) }
        if !queued.isEmpty { begin(.demanded, for: queued) }
    }

    /// Looks at files and dates when nobody asks, as long as the identity is there.
    private func watch() -> Task<Void, Never> {
        Task.detached { [weak self, pace] in
            while (try? await Task.sleep(for: pace.watch)) != nil {
                guard let self, let identities = try? await refreshed() else { return }
                observers.notify(.looked(identities))
            }
        }
    }
}

extension RotatingIdentity.State {
    struct Settled {
        var answer: Result<[ClientIdentity], any Error> = .success([])
        var superseded: [ClientIdentity] = []
        var news: [IdentityNews] = []
    }

    mutating func takeWaiters() -> [CheckedContinuation<[ClientIdentity], any Error>] {
        defer { waiters = [] }
        return waiters
    }

    mutating func apply(_ outcome: RotatingIdentity.Outcome, now: Deadline) -> Settled {
        var settled = Settled()
        let wasLoaded = machine.isLoaded
        switch outcome {
        case .unchanged(let snapshot):
            machine.unchanged(now: now)
            seen = snapshot
        case .loaded(let found, let snapshot):
            machine.loaded(now: now)
            if wasLoaded ? seen != nil : snapshot.isWatchable { seen = snapshot }
            reported = nil
            // What is the same stays the same, and so do its connections.
            let before = identities
            identities = found.map { new in before.first { $0.isSame(as: new) } ?? new }
            settled.superseded = before.filter { old in !identities.contains { $0 === old } }
            let isNews = wasLoaded && !identities.elementsEqual(before, by: ===)
            if isNews { settled.news.append(.reloaded(old: before, new: identities)) }
        case .failed(let error, let snapshot):
            machine.failed(now: now)
            guard wasLoaded else {
                settled.answer = .failure(error)
                return settled
            }
            let error =
                (error as? MTLSError)
                ?? MTLSError(
                    .identityMalformed, phase: .identity, fault: .caller, "the identity cannot be loaded: \(error)",
                    underlying: error)
            if reported != error.description || seen != snapshot { settled.news.append(.reloadFailed(error)) }
            if seen != nil { seen = snapshot }
            reported = error.description
        }
        settled.answer = .success(identities)
        return settled
    }
}

extension RotatingIdentity.Outcome {
    var failure: (any Error)? { if case .failed(let error, _) = self { error } else { nil } }
}

extension Deadline {
    /// This moment.
    fileprivate static var monotonic: Deadline {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Deadline(nanoseconds: Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec))
    }
}

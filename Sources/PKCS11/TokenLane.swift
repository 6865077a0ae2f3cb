#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif
import CP11Kit

/// The threads on which one token is asked: POSIX threads, since a signature may block for as long as it takes a person
/// to touch the token, which neither an event loop nor Swift's thread pool survives.
///
/// A thread is made when there is work and none idles, up to the limit; the thread that worked last works next; one that
/// has idled for a minute ends.
package final class TokenLane: @unchecked Sendable {  // safe: what is mutable is guarded by monitor
    package typealias Job = @Sendable () -> Void

    private final class Worker: Sendable {
        let lane: TokenLane
        let wakened = Condition()
        init(_ lane: TokenLane) { self.lane = lane }
    }

    private enum Running {
        case wanted
        /// Whoever submitted the job has given it up.
        case givenUp(since: ContinuousClock.Instant)
    }

    package static let idleSeconds = 60

    private let subject: String
    private let monitor = Monitor()
    private var limit: Int
    private var threads = 0
    private var idle: [Worker] = []
    private var queue: [(id: UInt64, job: Job)] = []
    private var lastID: UInt64 = 0
    private var running: [UInt64: Running] = [:]
    private var patience: Duration
    private let queueLimit: Int
    private let idleSeconds: Int
    private var idleAction: Job = {}

    /// - Parameters:
    ///   - subject: Whose lane it is, for errors: `the token prod`.
    ///   - limit: How many threads there may be.
    ///   - patience: How long a call may go on after it was given up, before its thread counts as stuck.
    ///   - queueLimit: How many jobs may wait for a thread.
    ///   - idleSeconds: After how long a thread without work ends.
    package init(
        _ subject: String, limit: Int, patience: Duration = .seconds(10), queueLimit: Int = 4096,
        idleSeconds: Int = TokenLane.idleSeconds
    ) {
        self.subject = subject
        self.limit = limit
        self.patience = patience
        self.queueLimit = queueLimit
        self.idleSeconds = idleSeconds
    }

    func setLimit(_ limit: Int) { monitor.withLock { self.limit = limit } }

    /// Changes how long a call may go on after it was given up, before its thread counts as stuck.
    package func setPatience(_ patience: Duration) { monitor.withLock { self.patience = patience } }

    /// Runs `action` on each thread that ends for want of work.
    package func whenIdle(_ action: @escaping Job) { monitor.withLock { idleAction = action } }

    /// Whether the current thread is one of this lane's.
    package var isCurrent: Bool { Self.current === self }

    /// Queues a job. Jobs begin in the order in which they were submitted.
    ///
    /// - Throws: An error of kind `timedOut` when jobs that were given up hold all threads: the token does not answer. One
    ///   of kind `failed` when too many jobs wait.
    @discardableResult
    package func submit(_ job: @escaping Job) throws(PKCS11Error) -> Ticket {
        monitor.lock()
        defer { monitor.unlock() }
        guard stuck < limit else {
            throw PKCS11Error(
                .timedOut,
                "\(subject) does not answer: all \(limit) of its threads are stuck in calls that were given up",
                advice: "take the token out and put it back; if that does not help, restart the program")
        }
        guard queue.count < queueLimit else {
            throw PKCS11Error(
                .failed, "\(queueLimit) calls wait for \(subject) already",
                advice: "ask for less at a time: the token does not keep up")
        }
        lastID += 1
        queue.append((lastID, job))
        if let worker = idle.popLast() {
            worker.wakened.signal()
        } else if threads < limit {
            guard start() || threads > 0 else {
                queue.removeLast()
                throw PKCS11Error(.failed, "no thread can be started for \(subject)")
            }
        }
        return Ticket(lane: self, id: lastID)
    }

    /// Names one submitted job.
    package struct Ticket: Sendable {
        fileprivate let lane: TokenLane
        fileprivate let id: UInt64

        /// Gives the job up. True: it had not started, and never will. False: it runs, or has ended; when it runs on
        /// and on, its thread counts as stuck.
        @discardableResult
        package func cancel() -> Bool { lane.cancel(id) }
    }

    private func cancel(_ id: UInt64) -> Bool {
        monitor.withLock {
            if let index = queue.firstIndex(where: { $0.id == id }) {
                queue.remove(at: index)
                return true
            }
            if case .wanted = running[id] { running[id] = .givenUp(since: .now) }
            return false
        }
    }

    /// How many threads are in calls that were given up long ago.
    private var stuck: Int {
        running.values.count {
            if case .givenUp(let since) = $0 { ContinuousClock.now - since >= patience } else { false }
        }
    }

    private func start() -> Bool {
        let worker = Unmanaged.passRetained(Worker(self))
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        var thread = pthread_t()
        let result = pthread_create(
            &thread, &attributes,
            { argument in
                guard let argument else { return nil }
                let worker = Unmanaged<Worker>.fromOpaque(argument).takeRetainedValue()
                worker.lane.work(worker)
                return nil
            }, worker.toOpaque())
        guard result == 0 else {
            worker.release()
            return false
        }
        threads += 1
        return true
    }

    private func work(_ worker: Worker) {
        var signals = sigset_t()
        sigfillset(&signals)
        // A fault is to end the process where it happens, and to be seen there.
        for fault in [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS] { sigdelset(&signals, fault) }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        swift_mtls_name_thread("mtls-token")
        pthread_setspecific(Self.currentKey, Unmanaged.passUnretained(worker).toOpaque())
        while let (id, job) = next(worker) {
            job()
            monitor.withLock { _ = running.removeValue(forKey: id) }
        }
        monitor.withLock { idleAction }()
    }

    /// Waits for a job; nil when the thread shall end.
    private func next(_ worker: Worker) -> (UInt64, Job)? {
        monitor.lock()
        defer { monitor.unlock() }
        while queue.isEmpty {
            if threads > limit {
                threads -= 1
                return nil
            }
            idle.append(worker)
            let isLate = worker.wakened.wait(monitor, seconds: idleSeconds)
            let wasIdle = idle.contains { $0 === worker }
            idle.removeAll { $0 === worker }
            if isLate, wasIdle, queue.isEmpty {
                threads -= 1
                return nil
            }
        }
        let (id, job) = queue.removeFirst()
        running[id] = .wanted
        return (id, job)
    }

    private static let currentKey: pthread_key_t = {
        var key = pthread_key_t()
        pthread_key_create(&key, nil)
        return key
    }()

    private static var current: TokenLane? {
        pthread_getspecific(currentKey).map { Unmanaged<Worker>.fromOpaque($0).takeUnretainedValue().lane }
    }
}

import GnuTLS
import NIOPosix
import Synchronization

/// A lane whose jobs run when the test says so, on the test's thread.
final class ManualLane: SigningLane {
    private struct State {
        var jobs: [(id: Int, job: @Sendable () -> Void)] = []
        var submitted = 0
        var cancelled = 0
        var refusal: Marked?
    }

    private let state = Mutex(State())

    var submitted: Int { state.withLock { $0.submitted } }
    var waiting: Int { state.withLock { $0.jobs.count } }
    /// How many jobs were taken out of the queue before they began.
    var cancelled: Int { state.withLock { $0.cancelled } }

    func refuse(with refusal: Marked) { state.withLock { $0.refusal = refusal } }

    func submit(_ job: @escaping @Sendable () -> Void) throws -> any LaneTicket {
        let id = try state.withLock { state in
            if let refusal = state.refusal { throw refusal }
            state.submitted += 1
            state.jobs.append((state.submitted, job))
            return state.submitted
        }
        return Ticket(lane: self, id: id)
    }

    /// Runs what waits. False when nothing did.
    @discardableResult
    func run() -> Bool {
        let jobs = state.withLock { state in
            defer { state.jobs = [] }
            return state.jobs
        }
        for job in jobs { job.job() }
        return !jobs.isEmpty
    }

    private struct Ticket: LaneTicket {
        let lane: ManualLane
        let id: Int

        func cancel() -> Bool {
            lane.state.withLock { state in
                let before = state.jobs.count
                state.jobs.removeAll { $0.id == id }
                state.cancelled += before - state.jobs.count
                return state.jobs.count < before
            }
        }
    }
}

/// A lane with a thread of its own.
final class ThreadLane: SigningLane {
    private let pool = NIOThreadPool(numberOfThreads: 1)

    init() { pool.start() }

    deinit { pool.shutdownGracefully { _ in } }

    func submit(_ job: @escaping @Sendable () -> Void) throws -> any LaneTicket {
        pool.submit { _ in job() }
        return Ticket()
    }

    private struct Ticket: LaneTicket {
        func cancel() -> Bool { false }
    }
}

/// A key that signs on a lane.
final class TestSigner: ExternalSigner {
    let lane: any SigningLane
    private let key: PrivateKey
    private let beforeSigning: @Sendable () throws -> Void
    private let supported: @Sendable (SignatureScheme) -> Bool
    private let count = Mutex(0)

    init(
        _ key: PrivateKey, on lane: any SigningLane, beforeSigning: @escaping @Sendable () throws -> Void = {},
        supports supported: @escaping @Sendable (SignatureScheme) -> Bool = { _ in true }
    ) {
        self.supported = supported
        self.key = key
        self.lane = lane
        self.beforeSigning = beforeSigning
    }

    var publicKey: PublicKey { key.publicKey }
    var signatures: Int { count.withLock { $0 } }

    func supports(_ scheme: SignatureScheme) -> Bool { publicKey.schemes.contains(scheme) && supported(scheme) }

    func sign(_ input: SigningInput) throws -> [UInt8] {
        count.withLock { $0 += 1 }
        try beforeSigning()
        switch input {
        case .digest(let digest, let scheme): return try key.sign(hash: digest, scheme: scheme)
        case .message(let message, let scheme): return try key.sign(message, scheme: scheme)
        case .digestInfo(let info):
            // Of SHA-256 (RFC 8017 §9.2).
            guard info.count == 51 else { throw Marked(mark: "unexpected input") }
            return try key.sign(hash: Array(info.dropFirst(19)), scheme: .rsaPKCS1SHA256)
        }
    }
}

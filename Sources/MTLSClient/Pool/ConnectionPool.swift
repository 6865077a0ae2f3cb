import Logging
import MTLSCore
import MTLSIdentity
import NIOCore
import Synchronization

/// Performs what ``PoolStateMachine`` decides, for the connections of one origin. Lives on one event loop.
final class ConnectionPool {
    private let origin: Origin
    private let reachedBy: ReachedBy
    private let connector: any Connector
    private let settings: ClientSettings
    private let executor: LoopExecutor
    private let journal: PoolJournal
    private let loop: any EventLoop

    private var machine: PoolStateMachine
    // safe: a table calls nothing of ours while it changes; see HTTP1ExchangeHandler.
    #if !DEBUG
    @exclusivity(unchecked)
    #endif
    private var connections = SerialTable<HTTP1Connection>()
    private var attempts: [Int: ConnectionAttempt] = [:]
    private var waiting: [Int: RequestJob] = [:]
    private var lastRequest = 0
    private var timer: Scheduled<Void>?
    private var isEnding = false
    private var isShutDown = false
    private var shutdownPromises: [EventLoopPromise<Void>] = []
    private var warmings = Warmings()
    private var emptiness: EmptinessWatch?
    private let heads = RecentHeads()

    init(
        origin: Origin, reachedBy: ReachedBy, connector: any Connector, settings: ClientSettings,
        executor: LoopExecutor, journal: PoolJournal
    ) {
        self.origin = origin
        self.reachedBy = reachedBy
        self.connector = connector
        self.settings = settings
        self.executor = executor
        self.journal = journal
        loop = executor.eventLoop
        var configuration = PoolStateMachine.Configuration(origin: origin)
        configuration.connectionLimit = settings.connectionLimit
        configuration.queueLimit = settings.queueLimit
        configuration.maximumAge = settings.maximumConnectionAge
        configuration.maximumUses = settings.maximumRequestsPerConnection
        machine = PoolStateMachine(configuration)
    }

    // MARK: Requests

    /// Takes a request that wants an answer.
    func submit(_ job: RequestJob) {
        let now = Deadline.now
        job.start = now
        job.number = journal.requestBegan()
        guard !job.isCancelled.load(ordering: .acquiring) else { return cancel(job) }
        if let limit = job.timeouts.limit(of: .request) {
            job.timer = loop.assumeIsolated().scheduleTask(in: TimeAmount(limit)) { [weak self] in
                guard let self else { return }
                give(up: job, .timeout(.request, limit: limit, origin: origin))
            }
        }
        lease(job, distrustingIdle: false, now: now)
    }

    /// The caller does not want the answer any more.
    func cancel(_ job: RequestJob) {
        give(
            up: job,
            MTLSError(
                .cancelled, phase: .request, fault: .caller, "the request was cancelled", origin: origin.description))
    }

    private func give(up job: RequestJob, _ error: MTLSError) {
        guard job.isPending else { return }
        if waiting.removeValue(forKey: job.id) != nil {
            fail(job, error)
            perform(machine.cancelWaiter(job.id))
        } else if let connection = connections.values.first(where: { $0.handler.job === job }) {
            connection.handler.abort(error)
        } else {
            fail(job, error)
        }
    }

    /// Answers a request that runs on no connection.
    private func fail(_ job: RequestJob, _ error: MTLSError) {
        journal.requestEnded(job, status: nil, error: error, on: nil)
        job.fail(error)
    }

    private func lease(_ job: RequestJob, distrustingIdle: Bool, now: Deadline) {
        lastRequest += 1
        job.id = lastRequest
        let action = machine.lease(
            job.id, waitLimit: job.timeouts.limit(of: .wait), distrustingIdle: distrustingIdle, now: now)
        if action.close.isEmpty, let assignment = action.run.first, assignment.request == job.id {
            // Most get a connection at once, and need not be looked up then.
            connections[assignment.connection]?.handler.start(job, isReused: assignment.isReused, now: now)
            emptiness?.update(isEmpty: false)
        } else {
            waiting[job.id] = job
            perform(action)
        }
    }

    // MARK: What the machine decides

    private func attempt(_ event: () throws(InvariantViolation) -> PoolStateMachine.Action) {
        do {
            perform(try event())
        } catch {
            journal.impossible(error)
        }
    }

    private func perform(_ action: PoolStateMachine.Action) {
        var abandoned: [Int] = []
        for id in action.close {
            if let connection = connections[id] { close(connection) }
            if let attempt = attempts.removeValue(forKey: id) {
                attempt.end()
                abandoned.append(id)
            }
        }
        for failure in action.fail {
            if let job = waiting.removeValue(forKey: failure.request) { fail(job, failure.error) }
        }
        for assignment in action.run { run(assignment) }
        for id in action.open { open(id) }
        if let time = action.timer { arm(time) }
        if action.isShutDown {
            isShutDown = true
            timer?.cancel()
            for promise in shutdownPromises { promise.succeed() }
            shutdownPromises.removeAll()
        }
        // A connector may take its time to notice that it was cancelled, and nobody need wait for that.
        for id in abandoned { attemptFailed(id, Self.describe(CancellationError())) }
        emptiness?.update(isEmpty: machine.isEmpty && !isEnding)
    }

    /// Closes a connection; a request that runs on it fails because the client was shut down.
    private func close(_ connection: HTTP1Connection) {
        guard connection.handler.job != nil else {
            connection.handler.noteEnd(isEnding ? .shutdown : .expired)
            return connection.channel.close(promise: nil)
        }
        connection.handler.abort(
            MTLSError(
                .clientClosed, phase: .request, fault: .caller, "the client was shut down", origin: origin.description))
    }

    private func run(_ assignment: PoolStateMachine.Assignment) {
        guard let job = waiting.removeValue(forKey: assignment.request),
            let connection = connections[assignment.connection]
        else { return }
        connection.handler.start(job, isReused: assignment.isReused)
    }

    private func arm(_ time: Deadline) {
        timer?.cancel()
        timer = nil
        guard time != .distantFuture else { return }
        timer = loop.assumeIsolated().scheduleTask(deadline: time.forLoop) {
            [weak self] in
            guard let self else { return }
            perform(machine.timer(now: .now))
        }
    }

    // MARK: Connections

    private func open(_ id: Int) {
        var context = ConnectContext(
            eventLoop: loop, origin: origin, timeouts: settings.timeouts, logger: journal.logger(of: id))
        context.reachedBy = reachedBy
        journal.connecting(id)
        let pool = NIOLoopBound(self, eventLoop: loop)
        let task = Task(executorPreference: executor) { [connector, origin, loop, context] in
            @Sendable func tell(_ result: Result<Connection, any Error>) {
                if loop.inEventLoop {
                    pool.value.attemptEnded(id, result)
                } else {
                    loop.execute { pool.value.attemptEnded(id, result) }
                }
            }
            do {
                tell(.success(try await connector.connect(to: origin.endpoint, context: context)))
            } catch {
                tell(.failure(error))
            }
        }
        let timer = settings.timeouts.ofAttempt.map { limit in
            loop.assumeIsolated().scheduleTask(in: TimeAmount(limit)) { [weak self] () -> Void in
                self?.attemptHangs(id, limit)
            }
        }
        attempts[id] = ConnectionAttempt(task: task, timer: timer)
    }

    private func attemptHangs(_ id: Int, _ limit: Duration) {
        guard let attempt = attempts.removeValue(forKey: id) else { return }
        attempt.end()
        let error = MTLSError(
            .timeoutConnect, phase: .connect, fault: .caller,
            "the connector made no connection to \(origin.endpoint) within \(limit.forPeople)",
            advice: "a connector is to return or throw", origin: origin.description)
        attemptFailed(id, error)
    }

    private func attemptFailed(_ id: Int, _ error: MTLSError, isPermanent: Bool = false) {
        journal.connectFailed(id, error)
        attempt { () throws(InvariantViolation) in
            try machine.connectFailed(id, error, isPermanent: isPermanent, now: .now)
        }
        warmings.attemptIsOver(id, error, connections: connections.count)
    }

    private func attemptEnded(_ id: Int, _ result: Result<Connection, any Error>) {
        guard let attempt = attempts.removeValue(forKey: id) else {
            // It was given up.
            if case .success(let made) = result { made.channel.close(promise: nil) }
            return
        }
        attempt.timer?.cancel()
        let made: Connection
        do {
            made = try result.get()
            try install(id, made)
        } catch {
            let failure = Self.describe(error).at(origin.description)
            return attemptFailed(id, failure, isPermanent: failure.isPermanent)
        }
        journal.connected(id, made.handshake)
        let idle = KeepAlivePolicy.idleTimeout(
            settings.idleTimeout, isKeyInToken: made.handshake?.isKeyExternal ?? false)
        self.attempt { () throws(InvariantViolation) in try machine.connected(id, idleTimeout: idle, now: .now) }
        warmings.attemptIsOver(id, nil, connections: connections.count)
    }

    /// Another identity has taken the place of one that the connection shows.
    private func identityReplaced(_ id: Int) {
        guard connections[id] != nil else { return }
        attempt { () throws(InvariantViolation) in try machine.retire(id, now: .now) }
    }

    private func install(_ id: Int, _ made: Connection) throws {
        do {
            try check(made)
            guard made.channel.isActive else {
                throw MTLSError(
                    .connectionLost, phase: .connect, fault: .peer, "\(origin.endpoint) closed the connection at once")
            }
            var limits = ResponseParser.Limits()
            limits.headBytes = settings.maximumResponseHead.bytes
            let handler = HTTP1ExchangeHandler(
                id: id, origin: origin, handshake: made.handshake, idleTimeout: settings.idleTimeout, limits: limits,
                heads: heads, pool: self)
            let (pool, loop) = (NIOLoopBound(self, eventLoop: loop), loop)
            let observations = made.identities.map {
                $0.whenSuperseded { loop.execute { pool.value.identityReplaced(id) } }
            }
            connections[id] = HTTP1Connection(
                channel: made.channel, handler: handler, identities: made.identities, observations: observations)
            try made.channel.pipeline.syncOperations.addHandler(handler)
            // Tickets come by themselves, and so does the server's end.
            made.channel.read()
        } catch {
            connections[id] = nil
            made.channel.close(promise: nil)
            throw error
        }
    }

    /// An https origin accepts nothing less than an authenticated connection, whoever made it.
    private func check(_ made: Connection) throws(MTLSError) {
        guard made.channel.eventLoop === loop else {
            throw MTLSError(
                .connectFailed, phase: .connect, fault: .caller,
                "the connector returned a connection that does not live on ConnectContext.eventLoop")
        }
        guard origin.scheme == .https else { return }
        guard case .authenticated = made.security else {
            throw MTLSError(
                .connectionInsecure, phase: .connect, fault: .caller,
                "the connector returned a connection without TLS for an https origin",
                advice: "wrap the connector in TLSConnector(over:)")
        }
    }

    private static func describe(_ error: any Error) -> MTLSError {
        switch error {
        case let error as MTLSError: error
        case is CancellationError:
            MTLSError(.cancelled, phase: .connect, fault: .caller, "the attempt to connect was cancelled")
        default:
            MTLSError(
                .connectFailed, phase: .connect, fault: .network, "the connector failed: \(error)", underlying: error)
        }
    }

    /// The exchange on the connection is over. That an identity was replaced may be known before this loop is told.
    func exchangeEnded(_ id: Int, keepFor idle: Duration?, now: Deadline = .now) {
        let idle = connections[id]?.showsFormerIdentity == true ? nil : idle
        attempt { () throws(InvariantViolation) in
            try machine.released(id, idle.map { .keep(until: now + $0) } ?? .close, now: now)
        }
    }

    /// The connection is gone, for a reason and perhaps by an error; `lost` is a request that may be sent again.
    func connectionClosed(_ id: Int, _ reason: ConnectionEnd, _ error: MTLSError? = nil, lost: RequestJob? = nil) {
        guard connections.removeValue(forKey: id) != nil else { return }
        journal.closed(id, reason, error)
        if let lost {
            lost.wasRetried = true
            journal.requestRetried(lost, after: error ?? Self.closedUnseen(origin), on: id)
        }
        attempt { () throws(InvariantViolation) in try machine.connectionClosed(id, now: .now) }
        if let lost { lease(lost, distrustingIdle: true, now: .now) }
    }

    /// The request on the connection, whose response has come whole or not at all, is over.
    func requestEnded(_ job: RequestJob, status: @autoclosure () -> Int?, error: MTLSError? = nil, on id: Int) {
        journal.requestEnded(job, status: status(), error: error, on: id)
    }

    private static func closedUnseen(_ origin: Origin) -> MTLSError {
        MTLSError(
            .connectionLost, phase: .request, fault: .peer, "\(origin.endpoint) had closed the connection",
            origin: origin.description)
    }

    // MARK: In advance

    /// Makes connections until there are `count`, and answers when all attempts have ended that are under way then.
    func warm(_ count: Int, _ promise: EventLoopPromise<Int>) {
        guard !isEnding else {
            return promise.fail(
                MTLSError(
                    .clientClosed, phase: .connect, fault: .caller, "the client was shut down",
                    origin: origin.description))
        }
        perform(machine.warm(count))
        warmings.add(promise, Set(attempts.keys), connections: connections.count)
    }

    /// See ``Client/watchEmptiness(for:_:)``.
    func watchEmptiness(for span: Duration, _ report: @escaping @Sendable (Deadline) -> Void) {
        emptiness = EmptinessWatch(loop, for: span, report)
        emptiness?.update(isEmpty: machine.isEmpty && !isEnding)
    }

    // MARK: Figures

    var statistics: ClientStatistics {
        let census = machine.census
        var figures = journal.figures
        figures.connecting = census.connecting
        figures.connected = census.idle + census.leased
        figures.idle = census.idle
        figures.pending = census.waiting
        figures.running = census.leased
        return figures
    }

    // MARK: The end

    func shutdown(graceful: Bool, within limit: Duration? = nil, _ promise: EventLoopPromise<Void>) {
        if isShutDown { return promise.succeed() }
        shutdownPromises.append(promise)
        if graceful, let limit {
            let cut = loop.assumeIsolated().scheduleTask(in: TimeAmount(limit)) { [weak self] () -> Void in
                guard let self else { return }
                perform(machine.shutdown(isGraceful: false, now: .now))
            }
            promise.futureResult.whenComplete { _ in cut.cancel() }
        }
        isEnding = true
        perform(machine.shutdown(isGraceful: graceful, now: .now))
    }
}

/// A connection in the pool.
final class HTTP1Connection {
    let channel: any Channel
    let handler: HTTP1ExchangeHandler
    /// Those that it shows, or may show.
    private let identities: [ClientIdentity]
    private let observations: [Observation]

    init(
        channel: any Channel, handler: HTTP1ExchangeHandler, identities: [ClientIdentity], observations: [Observation]
    ) {
        self.channel = channel
        self.handler = handler
        self.identities = identities
        self.observations = observations
    }

    var showsFormerIdentity: Bool { identities.contains { !$0.isCurrent } }
}

extension MTLSError {
    /// Whether the next attempt would fail for the same reason.
    package var isPermanent: Bool {
        switch phase {
        case .prepare, .identity, .trust, .verify, .sign: true
        case .proxy:
            [.proxyAuthenticationRequired, .clientCertificateRejected, .clientCertificateRequired].contains(code)
                || (underlying as? MTLSError)?.isPermanent ?? false
        case .handshake: fault == .caller
        // The server's verdict on our certificate, which may come after the handshake.
        default: [.connectionInsecure, .clientCertificateRejected, .clientCertificateRequired].contains(code)
        }
    }
}

import Logging
import MTLSCore
import NIOCore
import Synchronization

/// Performs what ``PoolStateMachine`` decides, for the connections of one origin. Lives on one event loop.
final class ConnectionPool {
    private let origin: Origin
    private let connector: any Connector
    private let settings: ClientSettings
    private let executor: LoopExecutor
    private let logger: Logger
    private let loop: any EventLoop

    private var machine: PoolStateMachine
    private var connections: [Int: HTTP1Connection] = [:]
    private var attempts: [Int: ConnectionAttempt] = [:]
    private var waiting: [Int: RequestJob] = [:]
    private var lastRequest = 0
    private var timer: Scheduled<Void>?
    private var isShutDown = false
    private var shutdownPromises: [EventLoopPromise<Void>] = []

    init(origin: Origin, connector: any Connector, settings: ClientSettings, executor: LoopExecutor, logger: Logger) {
        self.origin = origin
        self.connector = connector
        self.settings = settings
        self.executor = executor
        self.logger = logger
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
        job.start = .now
        guard !job.isCancelled.load(ordering: .acquiring) else { return cancel(job) }
        if let limit = job.timeouts.limit(of: .request) {
            job.timer = loop.assumeIsolated().scheduleTask(in: TimeAmount(limit)) { [weak self] in
                guard let self else { return }
                give(up: job, .timeout(.request, limit: limit, origin: origin))
            }
        }
        lease(job, distrustingIdle: false)
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
            job.finish(.failure(error))
            perform(machine.cancelWaiter(job.id))
        } else if let connection = connections.values.first(where: { $0.handler.job === job }) {
            connection.handler.abort(error)
        } else {
            job.finish(.failure(error))
        }
    }

    private func lease(_ job: RequestJob, distrustingIdle: Bool) {
        lastRequest += 1
        job.id = lastRequest
        waiting[job.id] = job
        perform(
            machine.lease(job.id, waitLimit: job.timeouts.limit(of: .wait), distrustingIdle: distrustingIdle, now: .now)
        )
    }

    // MARK: What the machine decides

    private func attempt(_ event: () throws(InvariantViolation) -> PoolStateMachine.Action) {
        do {
            perform(try event())
        } catch {
            logger.error("the connection pool met an impossible event", metadata: ["error": "\(error)"])
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
            waiting.removeValue(forKey: failure.request)?.finish(.failure(failure.error))
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
        for id in abandoned {
            attempt { () throws(InvariantViolation) in
                try machine.connectFailed(id, Self.describe(CancellationError()), isPermanent: false, now: .now)
            }
        }
    }

    /// Closes a connection; a request that runs on it fails because the client was shut down.
    private func close(_ connection: HTTP1Connection) {
        guard connection.handler.job != nil else { return connection.channel.close(promise: nil) }
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
        let context = ConnectContext(eventLoop: loop, origin: origin, timeouts: settings.timeouts, logger: logger)
        let pool = NIOLoopBound(self, eventLoop: loop)
        let task = Task(executorPreference: executor) { [connector, origin, loop] in
            let result: Result<Connection, any Error>
            do {
                let connection = try await connector.connect(to: origin.endpoint, context: context)
                result = .success(connection)
            } catch {
                result = .failure(error)
            }
            if loop.inEventLoop {
                pool.value.attemptEnded(id, result)
            } else {
                loop.execute { pool.value.attemptEnded(id, result) }
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
        self.attempt { () throws(InvariantViolation) in
            try machine.connectFailed(id, error, isPermanent: false, now: .now)
        }
    }

    private func attemptEnded(_ id: Int, _ result: Result<Connection, any Error>) {
        guard let attempt = attempts.removeValue(forKey: id) else {
            // It was given up.
            if case .success(let made) = result { made.channel.close(promise: nil) }
            return
        }
        attempt.timer?.cancel()
        do {
            let made = try result.get()
            try install(id, made)
        } catch {
            let failure = Self.describe(error).at(origin.description)
            self.attempt { () throws(InvariantViolation) in
                try machine.connectFailed(id, failure, isPermanent: failure.isPermanent, now: .now)
            }
            return
        }
        self.attempt { () throws(InvariantViolation) in try machine.connected(id, now: .now) }
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
                pool: self)
            connections[id] = HTTP1Connection(channel: made.channel, handler: handler)
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

    /// The exchange on the connection is over.
    func exchangeEnded(_ id: Int, keepFor idle: Duration?) {
        let now = Deadline.now
        attempt { () throws(InvariantViolation) in
            try machine.released(id, idle.map { .keep(until: now + $0) } ?? .close, now: now)
        }
    }

    /// The connection is gone; `lost` is a request that may be sent again.
    func connectionClosed(_ id: Int, lost: RequestJob?) {
        guard connections.removeValue(forKey: id) != nil else { return }
        attempt { () throws(InvariantViolation) in try machine.connectionClosed(id, now: .now) }
        if let lost {
            lost.wasRetried = true
            lease(lost, distrustingIdle: true)
        }
    }

    /// The connection belongs to a caller from here on.
    func connectionHandedOver(_ id: Int) {
        connectionClosed(id, lost: nil)
    }

    // MARK: The end

    func shutdown(graceful: Bool, _ promise: EventLoopPromise<Void>?) {
        if let promise {
            if isShutDown { return promise.succeed() }
            shutdownPromises.append(promise)
        }
        perform(machine.shutdown(isGraceful: graceful, now: .now))
    }
}

/// A connection in the pool.
struct HTTP1Connection {
    let channel: any Channel
    let handler: HTTP1ExchangeHandler
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

import CoreMetrics
public import HTTPTypes
public import Logging
public import MTLSCore
public import MTLSIdentity
package import NIOCore
import NIOPosix
import Synchronization

/// Sends requests to one origin, over connections that it keeps.
///
/// A client and its connections live on one event loop, and so on one core: right where handshakes are the cost. It may
/// be used from any thread. Tasks that run on ``executor`` reach it without a change of thread.
public final class Client: Sendable {
    /// The origin of all its requests.
    public let origin: Origin
    private let settings: ClientSettings
    private let chain: InterceptorChain
    private let loopExecutor: LoopExecutor
    private let pool: NIOLoopBoundBox<ConnectionPool>
    private let isShutDown = Atomic(false)

    /// Makes a client; no connection is made before the first request.
    ///
    /// - Parameters:
    ///   - url: The origin, such as `https://api.example`; a path is not allowed.
    ///   - identity: Whom to present; nil presents nobody.
    ///   - trust: Whom to trust.
    ///   - tls: What to offer in handshakes.
    ///   - settings: How to use connections.
    ///   - logger: For what is worth saying.
    /// - Throws: ``MTLSError`` with ``MTLSError/Code/urlInvalid``.
    public convenience init(
        _ url: String, identity: Identity? = nil, trust: Trust = .system, tls: TLSSettings = TLSSettings(),
        settings: ClientSettings = ClientSettings(), logger: Logger? = nil
    ) throws(MTLSError) {
        try self.init(
            url, connector: TLSConnector(identity: identity, trust: trust, settings: tls), settings: settings,
            logger: logger)
    }

    /// Makes a client whose connections come from `connector`.
    ///
    /// - Throws: ``MTLSError`` with ``MTLSError/Code/urlInvalid``.
    public convenience init(
        _ url: String, connector: any Connector, settings: ClientSettings = ClientSettings(), logger: Logger? = nil
    ) throws(MTLSError) {
        let parsed = try ParsedURL(url)
        guard parsed.target == "/" else {
            throw MTLSError(
                .urlInvalid, phase: .prepare, fault: .caller,
                "the URL of a client's origin must have no path: \"\(url)\"",
                advice: "give the path with each request")
        }
        self.init(origin: parsed.origin, connector: connector, settings: settings, logger: logger)
    }

    package convenience init(_ url: String, connector: any Connector, on loop: any EventLoop) throws(MTLSError) {
        try self.init(
            origin: ParsedURL(url).origin, connector: connector, settings: ClientSettings(), logger: nil, on: loop)
    }

    package init(
        origin: Origin, reachedBy: ReachedBy = .caller, connector: any Connector, settings: ClientSettings,
        logger: Logger?, on loop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next()
    ) {
        self.origin = origin
        self.settings = settings
        chain = InterceptorChain(settings)
        let executor = LoopExecutor(loop)
        loopExecutor = executor
        // Plain HTTP goes over what lies beneath the TLS.
        let connector = origin.scheme == .http ? (connector as? TLSConnector)?.inner ?? connector : connector
        let journal = PoolJournal(
            origin: origin, logger: logger ?? Logger(label: "mtls") { _ in SwiftLogNoOpLogHandler() },
            metrics: ClientMetrics(settings.metrics ?? MetricsSystem.factory), observer: settings.observer)
        pool = .makeBoxSendingValue(
            ConnectionPool(
                origin: origin, reachedBy: reachedBy, connector: connector, settings: settings, executor: executor,
                journal: journal),
            eventLoop: loop)
    }

    deinit {
        guard !isShutDown.load(ordering: .relaxed) else { return }
        // Whoever reads the body of a response still holds that, and not the client. The pool lives on until then.
        let drained = loopExecutor.eventLoop.makePromise(of: Void.self)
        drained.futureResult.whenComplete { [pool] _ in withExtendedLifetime(pool) {} }
        loopExecutor.eventLoop.execute { [pool] in pool.value.shutdown(graceful: true, drained) }
    }

    /// Runs tasks on the client's event loop.
    ///
    /// Use it with `withTaskExecutorPreference` around a loop of many small requests: each then saves two changes of
    /// thread. What else such a task computes delays the client's connections, and so does the making of bodies that it
    /// sends: they are made there, too.
    public var executor: any TaskExecutor { loopExecutor }

    package var arrivalsFromOtherThreads: Int { loopExecutor.arrivalsFromOtherThreads }

    // MARK: Requests

    /// Sends a request and returns when the response's head has come.
    ///
    /// A request that says `Expect: 100-continue` holds its body back until the server consents, or
    /// ``Timeouts/consent`` is over.
    ///
    /// - Parameters:
    ///   - request: Method, path and fields. Scheme and authority may be left out; others than the client's are refused.
    ///   - body: What goes with it.
    ///   - timeouts: In place of the client's.
    ///   - informational: Told of interim responses (1xx), on the client's event loop.
    /// - Throws: ``MTLSError``.
    @concurrent
    public func execute(
        _ request: HTTPRequest, body: RequestBody = .none, timeouts: Timeouts? = nil,
        informational: (@Sendable (HTTPResponse) -> Void)? = nil
    ) async throws -> Response {
        if chain.isEmpty, let job = try jobAtOnce(request, body, timeouts, informational) {
            return try await run(job)
        }
        return try await executeAtLength(request, body, timeouts, informational)
    }

    /// Apart, and out of line as the other parts that most requests have no use for: the caller's task would have to make
    /// room for what they hold while they wait, a kilobyte or two for each request in progress.
    @inline(never)
    nonisolated(nonsending) private func executeAtLength(
        _ request: HTTPRequest, _ body: RequestBody, _ timeouts: Timeouts?,
        _ informational: (@Sendable (HTTPResponse) -> Void)?
    ) async throws -> Response {
        guard chain.isEmpty else {
            return try await chain.run(
                OutgoingRequest(
                    origin: origin, head: request, body: body, timeouts: limits(timeouts), informational: informational),
                by: self)
        }
        return try await exchange(request, body: body, timeouts: limits(timeouts), informational: informational)
    }

    /// What all interceptors lead to.
    nonisolated(nonsending) func exchange(
        _ request: HTTPRequest, body: RequestBody, timeouts: Timeouts,
        informational: (@Sendable (HTTPResponse) -> Void)?, isRepetition: Bool = false
    ) async throws -> Response {
        if let job = try jobAtOnce(request, body, timeouts, informational, isRepetition: isRepetition) {
            return try await run(job)
        }
        let ready: PreparedBody
        if let body = body.preparedAtOnce { ready = body } else { ready = try await body.prepared() }
        guard isTraced(by: settings.tracer) else {
            return try await run(
                job(request, body: ready, timeouts: timeouts, informational, isRepetition: isRepetition))
        }
        return try await traced(request, by: settings.tracer) { request in
            let job = try job(request, body: ready, timeouts: timeouts, informational, isRepetition: isRepetition)
            return (try await run(job), job.wasRetried)
        }
    }

    /// The job, where nothing is to be awaited before; otherwise nil.
    @inline(never)
    private func jobAtOnce(
        _ request: HTTPRequest, _ body: RequestBody, _ timeouts: Timeouts?,
        _ informational: (@Sendable (HTTPResponse) -> Void)?, isRepetition: Bool = false
    ) throws(MTLSError) -> RequestJob? {
        guard let ready = body.preparedAtOnce, !isTraced(by: settings.tracer) else { return nil }
        return try job(
            request, body: ready, timeouts: limits(timeouts), informational, isRepetition: isRepetition)
    }

    private func job(
        _ request: HTTPRequest, body: PreparedBody, timeouts: Timeouts,
        _ informational: (@Sendable (HTTPResponse) -> Void)?, isRepetition: Bool
    ) throws(MTLSError) -> RequestJob {
        let head = try FieldRules.head(of: request, at: origin, body: body.length)
        let job = RequestJob(head: head, body: body, timeouts: timeouts, informational: informational)
        job.wasRetried = isRepetition
        return job
    }

    /// Has a job done by the pool.
    nonisolated(nonsending) func run(_ job: RequestJob) async throws -> Response {
        let loop = loopExecutor.eventLoop
        return try await withTaskCancellationHandler {
            // safe: the job resumes it once, however often it is finished, and the pool finishes every job
            try await withUnsafeThrowingContinuation { continuation in
                job.begin(continuation)
                if loop.inEventLoop {
                    job.executor = loopExecutor
                    pool.value.submit(job)
                } else {
                    loop.execute { self.pool.value.submit(job) }
                }
            }
        } onCancel: {
            job.isCancelled.store(true, ordering: .releasing)
            loop.execute { self.pool.value.cancel(job) }
        }
    }

    func limits(_ timeouts: Timeouts?) -> Timeouts { timeouts ?? settings.timeouts }

    /// Does something with the pool, on the loop, that keeps a promise in the end.
    ///
    /// - Parameter cancelled: What breaks the promise when the task is cancelled; nil if it goes on waiting.
    func ask<Answer: Sendable>(
        cancelled: MTLSError? = nil, _ question: @escaping @Sendable (ConnectionPool, EventLoopPromise<Answer>) -> Void
    ) async throws -> Answer {
        let promise = loopExecutor.eventLoop.makePromise(of: Answer.self)
        return try await withTaskCancellationHandler {
            loopExecutor.eventLoop.execute { [pool] in question(pool.value, promise) }
            return try await promise.futureResult.get()
        } onCancel: {
            // What comes later than this is ignored.
            if let cancelled { promise.fail(cancelled) }
        }
    }

    /// Does something with the pool, on the loop.
    func tell(_ body: @escaping @Sendable (ConnectionPool) -> Void) {
        loopExecutor.eventLoop.execute { [pool] in body(pool.value) }
    }

    /// From here on the client need not be shut down when nobody holds it any more.
    func willShutDown() { isShutDown.store(true, ordering: .relaxed) }
}

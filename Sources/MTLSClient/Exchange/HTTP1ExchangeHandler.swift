import GnuTLSNIO
import HTTPTypes
import MTLSCore
import NIOCore
import NIOTLS

/// Performs what ``ExchangeStateMachine`` decides, for one exchange after the other on a connection.
///
/// The caller is resumed once, with head and body when both came in the same read; of a longer body the rest is read by
/// demand. Between exchanges one read is outstanding, so that the server's end and bytes that nobody asked for are seen.
final class HTTP1ExchangeHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let id: Int
    let origin: Origin
    private var sharedHandshake: SharedHandshake?
    private var handshake: HandshakeSummary? { sharedHandshake?.summary }
    private let idleTimeout: Duration?
    private weak var pool: ConnectionPool?
    private(set) var context: ChannelHandlerContext?

    /// The request in progress.
    private(set) var job: RequestJob?
    // safe: neither machine nor incoming calls anything of ours while it changes, so no access meets another; debug
    // builds check that. In release builds the checks were a twentieth of a request's time.
    #if !DEBUG
    @exclusivity(unchecked)
    #endif
    private var machine: ExchangeStateMachine?
    private var isReused = false
    private var requestCount = 0
    #if !DEBUG
    @exclusivity(unchecked)
    #endif
    private var incoming: IncomingBytes
    private var response: ReadHead?
    private var body: BodyBuffer?
    /// What is left of the request's body.
    var outgoing: OutgoingBody?
    /// Whether the production of the request's body was begun.
    var bodyWasTaken = false
    /// How many pieces of the request's body the transport has not taken, or refused.
    var unsentPieces = 0
    private var servesAtEndOfRead = false
    /// Whether the channel was asked for a read that is not over.
    var isReading = false
    var pacing = ReadPacing()
    /// That of the head that was sent last.
    var spareBuffer = ByteBuffer()
    var isPatienceTimed = false
    /// To be sent again once this connection is gone.
    private var lost: RequestJob?
    /// Why the connection is closed, where this side knows.
    private var ending: (reason: ConnectionEnd, error: MTLSError?)?
    private var timer: (task: Scheduled<Void>, due: Deadline)?

    init(
        id: Int, origin: Origin, handshake: HandshakeSummary?, idleTimeout: Duration?,
        limits: ResponseParser.Limits = .init(), heads: RecentHeads, pool: ConnectionPool
    ) {
        self.id = id
        self.origin = origin
        sharedHandshake = handshake.map { SharedHandshake($0) }
        self.idleTimeout = idleTimeout
        incoming = IncomingBytes(ResponseParser(limits: limits, heads: heads))
        self.pool = pool
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        timer?.task.cancel()
        timer = nil
    }

    // MARK: The request

    func start(_ job: RequestJob, isReused: Bool, now: Deadline = .now) {
        guard let context, context.channel.isActive else {
            // The pool has not been told of the end yet, and will send the request elsewhere.
            lost = job
            return
        }
        self.job = job
        self.isReused = isReused
        requestCount += 1
        response = nil
        body = nil
        bodyWasTaken = false
        incoming.begin(job.head.method)
        let awaitsConsent = job.head.awaitsConsent
        machine = ExchangeStateMachine(
            origin: origin, method: job.head.method, timeouts: job.timeouts, requestStart: job.start,
            awaitsConsent: awaitsConsent, allowsUpgrade: job.allowsUpgrade)
        event(rearms: false) { (machine) throws(InvariantViolation) in try machine.start(now: now) }
        sendHead(of: job, awaitsConsent: awaitsConsent, now: now)
        rearm()
    }

    func wrote(now: Deadline = .now) { machine?.wrote(now: now) }

    func requestEnded(now: Deadline = .now) { machine?.requestEnded(now: now) }

    /// Ends the exchange with `error`, and with it the connection.
    func abort(_ error: MTLSError) {
        event { machine in machine.failed(error) }
    }

    // MARK: The response

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard job != nil else {
            // Nobody asked for anything: whatever it is, it must not become the answer to the next request.
            noteEnd(.unaskedBytes)
            return context.close(promise: nil)
        }
        machine?.bytesCame()
        incoming.append(unwrapInboundIn(data))
        do throws(MTLSError) {
            try parse()
        } catch {
            abort(error.at(origin.description))
        }
    }

    private func parse() throws(MTLSError) {
        let now = Deadline.now
        while true {
            switch try incoming.next() {
            case .nothing: return
            case .head(let head): headCame(head, now)
            case .body(let piece): bodyCame(piece, now)
            case .end(let trailers):
                if !trailers.isEmpty { body?.trailers = trailers }
                return event(rearms: false) { (machine) throws(InvariantViolation) in try machine.responseEnded() }
            }
            // Whatever it was may have ended the exchange.
            if job == nil { return }
        }
    }

    private func bodyCame(_ piece: ByteBuffer, _ now: Deadline) {
        let count = piece.readableBytes
        pace { $0.came(count) }
        event(rearms: false) { (machine) throws(InvariantViolation) in
            try machine.responseChunk(count, now: now)
        } delivering: { [self] in
            body?.append(piece)
            if case .chunk = $0 { servesAtEndOfRead = true }
        }
    }

    private func headCame(_ head: ReadHead, _ now: Deadline) {
        event(rearms: false) { (machine) throws(InvariantViolation) in
            try machine.responseHead(head, now: now)
        } delivering: { [self] in
            if case .interim = $0 { job?.informational?(head.response) }
            guard case .head = $0 else { return }
            response = head
            body = BodyBuffer()
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        let expected = incoming.expectedBytes
        if pace({ $0.readEnded(expecting: expected) }) { setReadMark() }
        answer()
        if job == nil {
            read()
        } else {
            let hasLeftover = !incoming.isEmpty
            event { machine in machine.readCompleted(hasLeftover: hasLeftover) }
        }
        context.fireChannelReadComplete()
    }

    /// Resumes the caller, or the body's reader, with what the read has brought.
    private func answer(isWhole: Bool = false) {
        if servesAtEndOfRead {
            servesAtEndOfRead = false
            body?.serve()
        }
        guard let job, job.isPending, let response, let body, let context else { return }
        let storage: ResponseBody.Storage
        if let whole = body.takeWhole() {
            storage = .whole(whole, trailers: body.trailers)
        } else {
            body.exchange = self
            storage = .stream(BodyStream(body, loop: context.eventLoop))
        }
        job.succeed(
            Response(
                head: response.response, body: ResponseBody(storage: storage), connection: info(response.version)))
    }

    /// The body's reader wants more.
    func demand() {
        event { [self] machine in
            let action = machine.demand(now: .now)
            // The machine holds what was served with the read before: then there is nothing but to ask again.
            guard case .chunk = action.delivery, body?.isEmpty != false else { return action }
            return machine.demand(now: .now)
        } delivering: { [self] in
            if case .chunk = $0 { body?.serve() }
        }
    }

    func cancelBody(_ abandoned: BodyBuffer) {
        guard abandoned === body else { return }
        event { machine in machine.cancelled() }
    }

    // MARK: The end

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.shutdownCompleted = event { inputClosed(isClean: true) }
        if event is TruncationEvent { inputClosed(isClean: false) }
        if let event = event as? LaterExchangeEvent { sharedHandshake = SharedHandshake(event.summary) }
        context.fireUserInboundEventTriggered(event)
    }

    /// Only the first reason counts.
    func noteEnd(_ reason: ConnectionEnd, _ error: MTLSError? = nil) {
        ending = ending ?? (reason, error)
    }

    private func inputClosed(isClean: Bool) {
        event { machine in machine.inputClosed(isClean: isClean) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        // Without TLS there is nothing better than FIN; and when a write was refused, a reset looks like it.
        inputClosed(isClean: handshake == nil && unsentPieces == 0)
        pool?.connectionClosed(id, ending?.reason ?? .closedByServer, ending?.error, lost: lost)
        lost = nil
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let failure: MTLSError
        switch error {
        case let error as MTLSError: failure = error
        case let error as IOError:
            failure = MTLSError(
                .connectionLost, phase: .response, fault: .network,
                "the connection to \(origin.endpoint) was lost: \(reason(error))",
                underlying: error)
        default:
            failure = MTLSError(
                .connectionLost, phase: .response, fault: .us, "the connection to \(origin.endpoint) failed: \(error)",
                underlying: error)
        }
        abort(failure.at(origin.description))
        context.close(promise: nil)
    }

    // MARK: What the machine decides

    /// - Parameter rearms: Whether the timer is looked after; the end of a read does that for all that came in it.
    private func event(
        rearms: Bool = true,
        _ tell: (inout ExchangeStateMachine) throws(InvariantViolation) -> ExchangeStateMachine.Action,
        delivering: (ExchangeStateMachine.Delivery) -> Void = { _ in }
    ) {
        let action: ExchangeStateMachine.Action
        do {
            guard let told = try machine?.told(tell) else { return }
            action = told
        } catch {
            return end(.failed(error.error(phase: .response)))
        }
        if let delivery = action.delivery {
            delivering(delivery)
            if case .end = delivery { body?.end(.success(())) }
        }
        if action.stopSending { stopSending() }
        if action.startSending { sendBody() }
        if action.read { read() }
        if let outcome = action.outcome { end(outcome) } else if rearms { rearm() }
    }

    private func end(_ outcome: ExchangeStateMachine.Outcome) {
        guard let job else { return }
        stopSending()
        switch outcome {
        case .handedOver:
            pool?.requestEnded(job, status: response?.code, on: id)
            machine = nil
            body = nil
            handOver(job)
        case .finished(let isReusable):
            answer()
            self.job = nil
            // What a transport delivered unasked would be taken for the next response.
            let idle = keepAlive(job, isComplete: isReusable && incoming.isEmpty)
            if idle == nil { noteEnd(.notReusable) }
            pool?.requestEnded(job, status: response?.code, on: id)
            machine = nil
            body = nil
            if idle != nil { read() }
            pool?.exchangeEnded(id, keepFor: idle)
        case .failed(let error):
            let isRetried = shouldRetry(job, error)
            let error = isRetried ? error : explained(error)
            noteEnd(error.code == .clientClosed ? .shutdown : .failed, error)
            machine = nil
            self.job = nil
            incoming.drop()
            body?.end(.failure(error))
            body = nil
            if isRetried {
                lost = job
            } else {
                pool?.requestEnded(job, status: response?.code, error: error, on: id)
                job.fail(error)
            }
            context?.close(promise: nil)
        }
    }

    private func keepAlive(_ job: RequestJob, isComplete: Bool) -> Duration? {
        guard let response else { return nil }
        let verdict = KeepAlivePolicy.verdict(
            job.head, response, isComplete: isComplete,
            idleTimeout: KeepAlivePolicy.idleTimeout(
                idleTimeout, isKeyInToken: handshake?.isKeyExternal ?? false))
        guard case .keep(let idle) = verdict else { return nil }
        return idle
    }

    /// Under TLS 1.3 the server judges our certificate when the handshake is over on our side (RFC 8446 §4.4.2.4), and
    /// some servers do not send an alert.
    private func explained(_ error: MTLSError) -> MTLSError {
        guard !isReused, let shown = handshake?.clientCertificate else { return error }
        // A reset may be a verdict as well; it matters where a further try costs a signature.
        guard error.code == .responseEmpty || error.code == .connectionLost && handshake?.isKeyExternal == true else {
            return error
        }
        return MTLSError(
            error.code, phase: error.phase, fault: error.fault, error.message,
            advice: "the server may have rejected the client certificate \"\(shown.subject)\"", origin: error.origin,
            underlying: PossibleRejection(underlying: error.underlying))
    }

    private func shouldRetry(_ job: RequestJob, _ error: MTLSError) -> Bool {
        guard job.isPending, machine != nil else { return false }
        let decision = RetryPolicy.decide(
            .init(
                method: job.head.method, errorCode: error.code, isReused: isReused,
                sawResponse: machine?.sawResponse ?? true, wroteRequest: machine?.wroteRequest ?? true,
                isBodyReplayable: job.body.isRestartable || !bodyWasTaken, isRetry: job.wasRetried,
                isResumed: handshake?.isResumed ?? false))
        return decision == .retry
    }

    /// One timer serves many exchanges: it is moved only when it would fire too late.
    private func rearm() {
        guard let due = machine?.deadline, due != .distantFuture, let context else { return }
        if let timer, timer.due <= due { return }
        timer?.task.cancel()
        let task = context.eventLoop.assumeIsolated().scheduleTask(
            deadline: due.forLoop
        ) { [weak self] in
            guard let self else { return }
            timer = nil
            event { machine in machine.timer(now: .now) }
        }
        timer = (task, due)
    }

    /// Gives the connection to the caller: it speaks another protocol from here on.
    private func handOver(_ job: RequestJob) {
        guard let context, let response else { return }
        self.job = nil
        let channel = context.channel
        let tunnel = UpgradedHandler(isTLS: handshake != nil, peer: "\(origin.endpoint)", early: incoming.takeRest())
        pool?.connectionClosed(id, .handedOver)
        let connection = UpgradedConnection(tunnel, channel: channel)
        do {
            try channel.pipeline.syncOperations.addHandler(tunnel, position: .after(self))
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        } catch {
            return channel.close(promise: nil)
        }
        job.succeed(
            Response(
                head: response.response, body: ResponseBody(storage: .whole(ByteBuffer(), trailers: [:])),
                connection: info(response.version), upgraded: connection))
    }

    private func info(_ version: HTTP1Version) -> Response.ConnectionInfo {
        Response.ConnectionInfo(
            id: id, requestCount: requestCount, version: version == .http11 ? "HTTP/1.1" : "HTTP/1.0",
            sharedHandshake: sharedHandshake)
    }
}

@available(*, unavailable)
extension HTTP1ExchangeHandler: Sendable {}

extension ExchangeStateMachine {
    /// Tells it something where it stands: it is large to move.
    fileprivate mutating func told(
        _ tell: (inout ExchangeStateMachine) throws(InvariantViolation) -> Action
    ) throws(InvariantViolation) -> Action {
        try tell(&self)
    }
}

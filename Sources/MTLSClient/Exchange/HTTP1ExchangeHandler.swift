import GnuTLSNIO
import HTTPTypes
import MTLSCore
import NIOCore
import NIOHTTP1
import NIOTLS

/// Performs what ``ExchangeStateMachine`` decides, for one exchange after the other on a connection.
///
/// The caller is resumed once, with head and body when both came in the same read; of a longer body the rest is read by
/// demand. Between exchanges one read is outstanding, so that the server's end and bytes that nobody asked for are seen.
final class HTTP1ExchangeHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let id: Int
    private let origin: Origin
    private var handshake: HandshakeSummary?
    private let idleTimeout: Duration?
    private weak var pool: ConnectionPool?
    private var context: ChannelHandlerContext?

    /// The request in progress.
    private(set) var job: RequestJob?
    private var machine: ExchangeStateMachine?
    private var isReused = false
    private var requestCount = 0
    private var response: (head: HTTPResponse, version: HTTP1Version)?
    private var body: BodyBuffer?
    private var servesAtEndOfRead = false
    /// To be sent again once this connection is gone.
    private var lost: RequestJob?
    private var timer: (task: Scheduled<Void>, due: Deadline)?

    init(id: Int, origin: Origin, handshake: HandshakeSummary?, idleTimeout: Duration?, pool: ConnectionPool) {
        self.id = id
        self.origin = origin
        self.handshake = handshake
        self.idleTimeout = idleTimeout
        self.pool = pool
    }

    /// Puts the codec and this handler behind what is in the pipeline.
    func install(on channel: any Channel) throws {
        var encoding = HTTPRequestEncoder.Configuration()
        encoding.automaticallySetFramingHeaders = false
        let decoder = HTTPResponseDecoder(leftOverBytesStrategy: .dropBytes, informationalResponseStrategy: .forward)
        try channel.pipeline.syncOperations.addHandlers([
            ArrivalTap(self), HTTPRequestEncoder(configuration: encoding), ByteToMessageHandler(decoder), self,
        ])
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        timer?.task.cancel()
        timer = nil
    }

    // MARK: The request

    func start(_ job: RequestJob, isReused: Bool) {
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
        machine = ExchangeStateMachine(
            origin: origin, method: job.head.method, timeouts: job.timeouts, requestStart: job.start)
        event { (machine) throws(InvariantViolation) in try machine.start(now: .now) }

        var headers = HTTPHeaders()
        headers.reserveCapacity(job.head.fields.count)
        for field in job.head.fields { headers.add(name: field.name.rawName, value: field.value) }
        let head = HTTPRequestHead(
            version: .http1_1, method: HTTPMethod(rawValue: job.head.method.rawValue), uri: job.head.target,
            headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if let body = job.body, body.readableBytes > 0 {
            context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        machine?.wrote(now: .now)
        machine?.requestEnded(now: .now)
        rearm()
    }

    /// Ends the exchange with `error`, and with it the connection.
    func abort(_ error: MTLSError) {
        event { machine in machine.failed(error) }
    }

    // MARK: The response

    func rawBytesCame() {
        guard job != nil else {
            // Nobody asked for anything: whatever it is, it must not become the answer to the next request.
            context?.close(promise: nil)
            return
        }
        machine?.bytesCame()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard job != nil else { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            do {
                let (converted, version) = try Self.convert(head)
                event { (machine) throws(InvariantViolation) in
                    try machine.responseHead(converted, version: version, now: .now)
                } delivering: { [self] in
                    if case .head = $0 {
                        response = (converted, version)
                        body = BodyBuffer()
                        body?.exchange = self
                    }
                }
            } catch {
                abort(error.at(origin.description))
            }
        case .body(let bytes):
            event { (machine) throws(InvariantViolation) in
                try machine.responseChunk(bytes.readableBytes, now: .now)
            } delivering: { [self] in
                body?.append(bytes)
                if case .chunk = $0 { servesAtEndOfRead = true }
            }
        case .end:
            event { (machine) throws(InvariantViolation) in try machine.responseEnded() }
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        answer()
        if job == nil { context.read() } else { event { machine in machine.readCompleted() } }
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
            storage = .whole(whole)
        } else {
            storage = .stream(BodyStream(body, loop: context.eventLoop))
        }
        let info = Response.ConnectionInfo(
            id: id, requestCount: requestCount, handshake: handshake,
            version: response.version == .http11 ? "HTTP/1.1" : "HTTP/1.0")
        job.finish(
            .success(Response(head: response.head, body: ResponseBody(storage: storage), connection: info)))
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
        if let event = event as? LaterExchangeEvent { handshake = event.summary }
        context.fireUserInboundEventTriggered(event)
    }

    private func inputClosed(isClean: Bool) {
        event { machine in machine.inputClosed(isClean: isClean) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        // Without TLS there is nothing better than FIN.
        inputClosed(isClean: handshake == nil)
        pool?.connectionClosed(id, lost: lost)
        lost = nil
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let failure: MTLSError
        switch error {
        case HTTPParserError.invalidEOFState:
            // The codec's word for the input's end in mid-message, which is told apart when the channel goes inactive.
            return
        case let error as MTLSError: failure = error
        case let error as IOError:
            failure = MTLSError(
                .connectionLost, phase: .response, fault: .network,
                "the connection to \(origin.endpoint) was lost: \(reason(error))",
                underlying: error)
        default:
            failure = MTLSError(
                .responseMalformed, phase: .response, fault: .peer,
                "\(origin.endpoint) sent what is not a response of HTTP/1.1: \(error)", underlying: error)
        }
        abort(failure.at(origin.description))
        context.close(promise: nil)
    }

    // MARK: What the machine decides

    private func event(
        _ tell: (inout ExchangeStateMachine) throws(InvariantViolation) -> ExchangeStateMachine.Action,
        delivering: (ExchangeStateMachine.Delivery) -> Void = { _ in }
    ) {
        guard machine != nil else { return }
        let action: ExchangeStateMachine.Action
        do {
            guard let told = try machine.withValue(tell) else { return }
            action = told
        } catch {
            return end(.failed(error.error(phase: .response)))
        }
        if let delivery = action.delivery {
            delivering(delivery)
            if case .end = delivery { body?.end(.success(())) }
        }
        if action.read { context?.read() }
        if let outcome = action.outcome { end(outcome) } else { rearm() }
    }

    private func end(_ outcome: ExchangeStateMachine.Outcome) {
        guard let job else { return }
        switch outcome {
        case .finished(let isReusable):
            answer()
            self.job = nil
            let idle = keepAlive(job, isComplete: isReusable)
            machine = nil
            body = nil
            if idle != nil { context?.read() }
            pool?.exchangeEnded(id, keepFor: idle)
        case .failed(let error):
            let isRetried = shouldRetry(job, error)
            machine = nil
            self.job = nil
            body?.end(.failure(error))
            body = nil
            if isRetried { lost = job } else { job.finish(.failure(explained(error))) }
            context?.close(promise: nil)
        }
    }

    private func keepAlive(_ job: RequestJob, isComplete: Bool) -> Duration? {
        guard let response else { return nil }
        let verdict = KeepAlivePolicy.verdict(
            method: job.head.method, requestFields: job.head.fields, response: response.head,
            version: response.version, isComplete: isComplete, isKeyInToken: handshake?.isKeyExternal ?? false)
        guard case .keep(let idle) = verdict else { return nil }
        return min(idle, idleTimeout ?? idle)
    }

    /// Under TLS 1.3 the server judges our certificate when the handshake is over on our side (RFC 8446 §4.4.2.4), and
    /// some servers do not send an alert.
    private func explained(_ error: MTLSError) -> MTLSError {
        guard error.code == .responseEmpty, !isReused, let shown = handshake?.clientCertificate else { return error }
        return MTLSError(
            error.code, phase: error.phase, fault: error.fault, error.message,
            advice: "the server may have rejected the client certificate \"\(shown.subject)\"", origin: error.origin,
            underlying: error.underlying)
    }

    private func shouldRetry(_ job: RequestJob, _ error: MTLSError) -> Bool {
        guard job.isPending, machine != nil else { return false }
        let decision = RetryPolicy.decide(
            .init(
                method: job.head.method, errorCode: error.code, isReused: isReused,
                sawResponse: machine?.sawResponse ?? true, wroteRequest: machine?.wroteRequest ?? true,
                isBodyReplayable: true, isRetry: job.wasRetried))
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

    private static func convert(_ head: HTTPResponseHead) throws(MTLSError) -> (HTTPResponse, HTTP1Version) {
        var fields = HTTPFields()
        fields.reserveCapacity(head.headers.count)
        for (name, value) in head.headers {
            guard let name = HTTPField.Name(name) else {
                throw MTLSError(
                    .responseMalformed, phase: .response, fault: .peer,
                    "a field of the response has the name \"\(name)\"")
            }
            fields.append(HTTPField(name: name, value: value))
        }
        let status = HTTPResponse.Status(code: Int(head.status.code), reasonPhrase: head.status.reasonPhrase)
        return (
            HTTPResponse(status: status, headerFields: fields), head.version == .http1_0 ? .http10 : .http11
        )
    }
}

@available(*, unavailable)
extension HTTP1ExchangeHandler: Sendable {}

/// Sees bytes before the codec does, which keeps those of an unfinished message to itself.
private final class ArrivalTap: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private unowned let handler: HTTP1ExchangeHandler

    init(_ handler: HTTP1ExchangeHandler) {
        self.handler = handler
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        handler.rawBytesCame()
        context.fireChannelRead(data)
    }
}

extension Optional where Wrapped: ~Copyable {
    /// Changes the value in place, if there is one.
    fileprivate mutating func withValue<Result, Failure: Error>(
        _ body: (inout Wrapped) throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        guard var value = take() else { return nil }
        let result: Result
        do {
            result = try body(&value)
        } catch {
            self = consume value
            throw error
        }
        self = consume value
        return result
    }
}

package import HTTPTypes

/// The life of one request and its response on an HTTP/1.1 connection, without bytes, codec or clock.
///
/// Theory of operation
///
/// The shell reports what the codec, the transport and the two streams of the program say, and does what the returned
/// action tells. Request and response go on side by side; each is in one of the states of `Sending` and `Receiving`.
///
/// 1. Reading. Until the response's head has come, one read is always outstanding, also while a body is sent: a server
///    that answers early and closes is otherwise lost. After that, a read is asked for only when the program wants bytes
///    and none are held: this is the back pressure.
/// 2. An error response (4xx, 5xx) that comes while the body is being sent stops the sending (RFC 9112 §9.5), and so does
///    the end of any response. When sending fails, the server may have said why: the exchange goes on until its input
///    ends.
/// 3. The end of the response is told to the program at once, but the connection is given back only at the end of that
///    read: bytes behind the response belong to no request, and must not become the answer to the next one.
/// 4. When the input ends before the response does, the error tells apart: no byte at all (`response.empty`), and too few
///    (`response.truncated`). A body that only the connection's end delimits is whole only if the peer said so
///    (close_notify): a FIN can be forged.
/// 5. There is one deadline at a time. The shell keeps one timer, calls `timer` when it fires, and sets it to
///    `deadline` again. No time runs while the program does not ask for bytes.
/// 6. A body whose request says `Expect: 100-continue` is held back until the server consents or takes too long to; a
///    final response that comes first spares it (RFC 9110 §10.1.1).
/// 7. An exchange ends with exactly one outcome. Events that come later are ignored; a failed exchange closes the
///    connection.
package struct ExchangeStateMachine: ~Copyable {
    private enum Sending {
        /// The head was sent with `Expect: 100-continue`, and the body waits for the server's consent, or this time
        /// (RFC 9110 §10.1.1). Can transition to `active` and `stopped`.
        case awaitsConsent(until: Deadline)
        /// Bytes of the request are outstanding. Can transition to `sent`, `stopped` and `failed`.
        case active
        /// All was sent.
        case sent
        /// The response made the rest needless. The connection cannot be reused.
        case stopped
        /// The transport takes no more. Waits for what the server has to say.
        case failed(MTLSError)
    }

    private enum Receiving {
        /// Before `start`. Can transition to `head`.
        case idle
        /// Waits for the final response's head. Can transition to `body`, or `over` by a failure.
        case head
        /// Between head and end. Can transition to `ended`, or `over` by a failure.
        case body(ResponseBodyFraming, received: Int)
        /// The response is whole, the read that brought its end is not. Can transition to `over`.
        case ended(isSelfDelimited: Bool)
        /// The outcome was given.
        case over
    }

    private let origin: Origin
    private let method: HTTPRequest.Method
    private let timeouts: Timeouts
    private let requestDeadline: Deadline
    private let awaitsConsent: Bool
    private let allowsUpgrade: Bool
    private var sending = Sending.active
    private var receiving = Receiving.idle
    private var isReading = false
    private var isDemanded = false
    private var isHolding = false
    private var hasStrayBytes = false
    private var lastProgress = Deadline.distantFuture

    /// Whether any byte of a response came.
    package private(set) var sawResponse = false
    /// Whether any byte of the request may have left.
    package private(set) var wroteRequest = false

    /// - Parameters:
    ///   - requestStart: When the whole request began, of which this may be a later try.
    ///   - awaitsConsent: Whether the request's head says `Expect: 100-continue`.
    ///   - allowsUpgrade: Whether the program wants the connection if the server switches protocols.
    package init(
        origin: Origin, method: HTTPRequest.Method, timeouts: Timeouts, requestStart: Deadline,
        awaitsConsent: Bool = false, allowsUpgrade: Bool = false
    ) {
        self.origin = origin
        self.method = method
        self.timeouts = timeouts
        self.requestDeadline = timeouts.deadline(of: .request, from: requestStart)
        self.awaitsConsent = awaitsConsent
        self.allowsUpgrade = allowsUpgrade
    }

    // MARK: The request

    /// The shell is about to write the request's head.
    package mutating func start(now: Deadline) throws(InvariantViolation) -> Action {
        guard case .idle = receiving else { throw violation("start") }
        receiving = .head
        lastProgress = now
        if awaitsConsent { sending = .awaitsConsent(until: now + (timeouts.consent ?? .zero)) }
        return reading(Action())
    }

    /// Bytes of the request were handed to the transport.
    package mutating func wrote(now: Deadline) {
        wroteRequest = true
        lastProgress = now
    }

    /// The transport took the last byte of the request.
    package mutating func requestEnded(now: Deadline) {
        guard case .active = sending else { return }
        sending = .sent
        lastProgress = now
    }

    /// The transport takes no more. The outcome waits for the server's last words, and for the response's limit.
    package mutating func writeFailed(_ error: MTLSError) -> Action {
        guard isRunning, isSending else { return Action() }
        sending = .failed(error)
        return Action(stopSending: true)
    }

    // MARK: The response

    /// Bytes came, which the codec has not looked at yet.
    package mutating func bytesCame() {
        sawResponse = true
        if case .ended = receiving { hasStrayBytes = true }
    }

    /// The codec has read the head of a response.
    package mutating func responseHead(_ head: ReadHead, now: Deadline) throws(InvariantViolation) -> Action {
        sawResponse = true
        switch receiving {
        case .over: return Action()
        case .ended:
            hasStrayBytes = true
            return Action()
        case .head: break
        case .idle, .body: throw violation("responseHead")
        }
        let code = head.code
        if code == 101 || method == .connect && head.isSuccessful { return switchProtocols() }
        if code < 200 {
            var action = Action(delivery: .interim)
            if code == 100 { startSending(&action, now: now) }
            return action
        }
        receiving = .body(head.framing, received: 0)
        lastProgress = now
        var action = Action(delivery: .head)
        if code >= 400 || isAwaitingConsent { stopSending(&action) }
        return action
    }

    private mutating func switchProtocols() -> Action {
        guard allowsUpgrade else { return fail(malformed("switched protocols unasked")) }
        receiving = .over
        return Action(delivery: .head, outcome: .handedOver)
    }

    /// The codec has read a chunk of the body.
    package mutating func responseChunk(_ count: Int, now: Deadline) throws(InvariantViolation) -> Action {
        switch receiving {
        case .over: return Action()
        case .ended:
            hasStrayBytes = true
            return Action()
        case .idle, .head: throw violation("responseChunk")
        case .body(let framing, let received):
            let received = received + count
            if let limit = framing.byteCount, received > limit {
                return fail(malformed("sent more than its Content-Length"))
            }
            receiving = .body(framing, received: received)
            lastProgress = now
            isHolding = !isDemanded
            isDemanded = false
            return Action(delivery: isHolding ? .hold : .chunk)
        }
    }

    /// The codec has read the end of the response. (What some codecs report of a body that the connection's end
    /// delimits is left to `inputClosed`.)
    package mutating func responseEnded() throws(InvariantViolation) -> Action {
        switch receiving {
        case .over: return Action()
        case .idle, .head: throw violation("responseEnded")
        case .ended:
            hasStrayBytes = true
            return Action()
        case .body(.untilClose, _): return Action()
        case .body(let framing, let received):
            if let count = framing.byteCount, received < count { return fail(truncated) }
            return end(isSelfDelimited: true)
        }
    }

    /// A read is over.
    ///
    /// - Parameter hasLeftover: Whether the codec holds bytes of a further message.
    package mutating func readCompleted(hasLeftover: Bool = false) -> Action {
        isReading = false
        switch receiving {
        case .idle, .over: return Action()
        case .head: return reading(Action())
        case .body: return isDemanded ? reading(Action()) : Action()
        case .ended(let isSelfDelimited):
            receiving = .over
            var isReusable = isSelfDelimited && !hasStrayBytes && !hasLeftover
            if case .sent = sending {} else { isReusable = false }
            return Action(outcome: .finished(isReusable: isReusable))
        }
    }

    /// The program asks for the next chunk of the body.
    package mutating func demand(now: Deadline) -> Action {
        guard case .body = receiving else { return Action() }
        if isHolding {
            isHolding = false
            return Action(delivery: .chunk)
        }
        isDemanded = true
        lastProgress = now
        return reading(Action())
    }

    /// The peer sends no more.
    ///
    /// - Parameter isClean: Whether the peer said that it was at the end: close_notify, or FIN if there is no TLS.
    package mutating func inputClosed(isClean: Bool) -> Action {
        isReading = false
        switch receiving {
        case .idle, .over: return Action()
        case .head where sawResponse: return fail(truncated)
        case .head:
            if case .failed(let error) = sending { return fail(error.at(origin.description)) }
            return fail(empty)
        case .body(.untilClose, _) where isClean: return end(isSelfDelimited: false)
        case .body: return fail(truncated)
        case .ended:
            receiving = .over
            return Action(outcome: .finished(isReusable: false))
        }
    }

    // MARK: Limits and ends

    /// When `timer` shall be called, or `distantFuture`.
    package var deadline: Deadline {
        if case .awaitsConsent(let until) = sending, isRunning { return min(until, due.deadline) }
        return due.deadline
    }

    /// The time that `deadline` told may have come.
    package mutating func timer(now: Deadline) -> Action {
        if case .awaitsConsent(let until) = sending, until <= now, isRunning {
            var action = Action()
            startSending(&action, now: now)
            return action
        }
        let (deadline, step) = due
        guard isRunning, deadline <= now, let limit = timeouts.limit(of: step) else { return Action() }
        return fail(.timeout(step, limit: limit, origin: origin, phase: sawResponse ? .response : nil))
    }

    /// The program's task was cancelled.
    package mutating func cancelled() -> Action {
        fail(
            MTLSError(
                .cancelled, phase: sawResponse ? .response : .request, fault: .caller, "the request was cancelled"))
    }

    /// The connection, the codec or the request's body failed.
    package mutating func failed(_ error: MTLSError) -> Action { fail(error) }

    // MARK: Steps

    private var isRunning: Bool {
        switch receiving {
        case .head, .body: true
        case .idle, .ended, .over: false
        }
    }

    private var due: (deadline: Deadline, step: Timeouts.Step) {
        let step: (deadline: Deadline, step: Timeouts.Step)
        switch receiving {
        case .idle, .ended, .over: return (.distantFuture, .request)
        case .head: step = (timeouts.deadline(of: .responseHead, from: lastProgress), .responseHead)
        case .body where isDemanded: step = (timeouts.deadline(of: .bodyChunk, from: lastProgress), .bodyChunk)
        case .body: return (requestDeadline, .request)
        }
        return step.deadline < requestDeadline ? step : (requestDeadline, .request)
    }

    private mutating func reading(_ action: consuming Action) -> Action {
        action.read = !isReading
        isReading = true
        return action
    }

    private var isAwaitingConsent: Bool { if case .awaitsConsent = sending { true } else { false } }

    private var isSending: Bool { if case .active = sending { true } else { isAwaitingConsent } }

    private mutating func startSending(_ action: inout Action, now: Deadline) {
        guard isAwaitingConsent else { return }
        sending = .active
        lastProgress = now
        action.startSending = true
    }

    private mutating func stopSending(_ action: inout Action) {
        guard isSending else { return }
        sending = .stopped
        action.stopSending = true
    }

    private mutating func end(isSelfDelimited: Bool) -> Action {
        receiving = .ended(isSelfDelimited: isSelfDelimited)
        var action = Action(delivery: .end)
        stopSending(&action)
        if !isReading { action.outcome = readCompleted().outcome }
        return action
    }

    private mutating func fail(_ error: MTLSError) -> Action {
        var action = Action()
        switch receiving {
        case .over: return action
        case .ended:  // the program has its response already
            receiving = .over
            action.outcome = .finished(isReusable: false)
            return action
        case .idle, .head, .body: receiving = .over
        }
        stopSending(&action)
        action.outcome = .failed(error.at(origin.description))
        return action
    }

    // MARK: Errors

    private var empty: MTLSError {
        MTLSError(
            .responseEmpty, phase: .response, fault: .peer,
            "\(origin.endpoint) closed the connection without a response", origin: origin.description)
    }

    private var truncated: MTLSError {
        MTLSError(
            .responseTruncated, phase: .response, fault: .peer,
            "\(origin.endpoint) closed the connection before the response was whole", origin: origin.description)
    }

    private func malformed(_ what: String) -> MTLSError {
        MTLSError(.responseMalformed, phase: .response, fault: .peer, "\(origin.endpoint) \(what)")
    }

    private func violation(_ event: String) -> InvariantViolation {
        InvariantViolation(event, in: "\(receiving)")
    }
}

extension ResponseBodyFraming {
    /// How long the body must be, where that is known beforehand.
    fileprivate var byteCount: Int? {
        switch self {
        case .empty: 0
        case .length(let count): count
        case .chunked, .untilClose: nil
        }
    }
}

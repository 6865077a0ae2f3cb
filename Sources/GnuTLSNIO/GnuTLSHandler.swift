import GnuTLS
import MTLSCore
package import NIOCore
import NIOTLS

/// TLS on a channel.
///
/// # Theory of operation
/// Everything of a connection happens on its event loop, but for the handshake steps that may wait for a key: those run
/// on the key's ``SigningLane``, whose thread owns the session exclusively meanwhile. While a step is there nothing on
/// the loop touches the session or its transport: what arrives waits in `waitingInput`, what is to be written in
/// `pendingWrites`.
///
///     idle ──▶ stepping ──▶ judging ──▶ stepping ──▶ onLane ──▶ stepping ──▶ open ──▶ closed
///                 ▲                                                           │
///                 └──── the peer wants a certificate or another handshake ────┘
///
/// A step that needs the verdict on the peer's certificate moves to `judging` unless the verdict is at hand. When the
/// channel closes while a step is on its lane, the step runs to its end there and the session is freed after it: if
/// something had arrived that may tell why the peer closed, that is read first.
///
/// Whatever is passed on to another handler, or told to a promise, may call back into this one: the state is changed
/// before, and looked at again after.
///
/// Errors are fired as ``MTLSError`` and close the channel. The first one counts.
package final class GnuTLSHandler: ChannelDuplexHandler {
    package typealias InboundIn = ByteBuffer
    package typealias InboundOut = ByteBuffer
    package typealias OutboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    enum State {
        /// The channel is not active yet. Can transition to: stepping, closed.
        case idle
        /// The handshake is under way and the session on the loop. Can transition to: judging, onLane, open, closed.
        case stepping
        /// A verdict is awaited. Can transition to: stepping, closed.
        case judging
        /// A step runs on its lane, or waits there for its turn. Can transition to: stepping, closed.
        case onLane
        /// The handshake is over. Can transition to: stepping, closed.
        case open
        /// Nothing more is done with the session. Can transition to: –.
        case closed
    }

    /// Whether there may be more writes.
    enum Output {
        case open
        /// No, and close_notify follows when the handshake is over.
        case closing(EventLoopPromise<Void>?)
        case closed
    }

    private(set) var configuration: HandshakeConfiguration
    let loop: any EventLoop
    /// Told what came of the handshake, and let go of then.
    var completion: EventLoopPromise<HandshakeSummary>?
    var state = State.idle
    var output = Output.open
    var session: TLSSession?
    var transport: BufferTransport?
    var ticket: (any LaneTicket)?
    var context: ChannelHandlerContext?
    /// What came of the handshake, and of what followed it.
    var summary: HandshakeSummary?
    /// In the server's role, told when the client has answered the wish for its certificate.
    var answer: EventLoopPromise<HandshakeSummary>?
    /// What was judged.
    private var presented: PresentedChain?

    private var started = ContinuousClock.now
    /// The end of the time for the handshake; what passes on a lane is added to it.
    private var handshakeDeadline: NIODeadline?
    private var enteredLane = NIODeadline.distantPast
    var deadline: Scheduled<Void>?

    var waitingInput: [ByteBuffer] = []
    private var inputEnded = false
    /// Whether the channel is closed, and the step on its lane has to end before what waits can be read.
    private var awaitsLastWords = false
    // safe: a queue of buffers calls nothing of ours while it changes, so no access meets another; debug builds check that.
    #if !DEBUG
    @exclusivity(unchecked)
    #endif
    var pendingWrites = MarkedCircularBuffer<(ByteBuffer, EventLoopPromise<Void>?)>(initialCapacity: 2)
    /// Whether the peer has sent data.
    var hasReceived = false
    /// Whether somebody behind this handler waits for plaintext.
    var readIsWanted = false
    /// Whether it said so in the course of the present delivery, and a read was asked for at once.
    var readWasPassedOn = false

    /// - Parameter completion: Told what came of the handshake.
    package init(configuration: HandshakeConfiguration, completion: EventLoopPromise<HandshakeSummary>) {
        self.configuration = configuration
        self.completion = completion
        loop = completion.futureResult.eventLoop
    }

    // MARK: Beginning and end

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { begin(context) }
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        if !awaitsLastWords { end(with: ChannelError.ioOnClosedChannel) }
        self.context = nil
    }

    package func channelActive(context: ChannelHandlerContext) {
        begin(context)
        context.fireChannelActive()
    }

    private func begin(_ context: ChannelHandlerContext) {
        guard case .idle = state else { return }
        let transport = BufferTransport(allocator: context.channel.allocator)
        do {
            let session = try TLSSession(
                context: configuration.context, transport: transport, serverName: configuration.serverName,
                clientCertificate: configuration.clientCertificate,
                authenticatesLater: configuration.authenticatesLater)
            session.choose = configuration.choose
            if let resuming = configuration.resuming { session.offer(resuming, alone: configuration.resumesAlone) }
            self.session = session
            self.transport = transport
        } catch {
            return fail(
                MTLSError(
                    .handshakeFailed, phase: .handshake, fault: .us, "no TLS session could be made", underlying: error))
        }
        started = .now
        beginSteps()
    }

    /// Makes a handshake, or what the peer wishes for after it, within the time that a handshake may take.
    func beginSteps() {
        guard let loop = context?.eventLoop else { return }
        state = .stepping
        handshakeDeadline = configuration.handshakeTimeout.map { loop.now + TimeAmount($0) }
        armForHandshake()
        proceed()
    }

    package func channelInactive(context: ChannelHandlerContext) {
        inputHasEnded()
        if case .onLane = state, summary == nil, !waitingInput.isEmpty, let ticket {
            // A step that has not begun never will: nothing is signed for a peer that is gone.
            awaitsLastWords = !ticket.cancel()
        }
        if !awaitsLastWords {
            if case .open = state {} else { fail(TLSFailure(.truncated)) }
            end(with: ChannelError.ioOnClosedChannel)
        }
        context.fireChannelInactive()
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        // The transport's end means something only to TLS: what the next handler hears of is close_notify, or an error.
        // That holds for the end of another TLS connection beneath, too.
        case ChannelEvent.inputClosed, TLSUserEvent.shutdownCompleted, is TruncationEvent: inputHasEnded()
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    private func inputHasEnded() {
        guard !inputEnded else { return }
        inputEnded = true
        if case .onLane = state { return }
        transport?.end()
        switch state {
        case .stepping: proceed()
        case .open: deliver()
        case .idle, .judging, .onLane, .closed: break
        }
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if case .open = state { return context.fireErrorCaught(error) }
        let what = summary == nil ? "the TLS handshake" : "authentication"
        fail(
            MTLSError(
                .connectionLost, phase: summary == nil ? .handshake : .response, fault: .network,
                "the connection to \(configuration.peerName) broke during \(what): \(reason(error))",
                underlying: error))
    }

    // MARK: The handshake

    /// Steps until input runs dry, a verdict or a lane is needed, or the handshake is over.
    func proceed() {
        while case .stepping = state, let session {
            if let lane = laneForNextStep(session) { return enter(lane, session) }
            do {
                guard take(try session.step()) else { return }
            } catch {
                return fail(error)
            }
        }
    }

    /// In a handshake of TLS 1.3 the choice was made before the verdict, otherwise it may be to come.
    private func laneForNextStep(_ session: TLSSession) -> (any SigningLane)? {
        guard session.isPeerAccepted, !session.hasSigned else { return nil }
        if let chosen = session.chosen { return chosen.lane }
        return session.choosesWhileSigning ? configuration.lane : nil
    }

    /// - Returns: Whether to step again.
    private func take(_ step: TLSSession.Step) -> Bool {
        if step == .done, summary == nil {
            open()
            return false
        }
        flushTransport()
        switch step {
        case .needsInput:
            context?.read()
            return false
        case .needsVerdict:
            return askForVerdict()
        case .done:
            reopen()
            return false
        }
    }

    private func askForVerdict() -> Bool {
        guard let session, let loop = context?.eventLoop else { return false }
        state = .judging
        let handler = NIOLoopBound(self, eventLoop: loop)
        let presented = PresentedChain(
            session.peerChain, staples: session.peerStaples, known: configuration.context.certificates)
        self.presented = presented
        let answer = configuration.judge(presented) { verdict in
            loop.execute { handler.value.judged(verdict) }
        }
        guard let answer else { return false }
        apply(answer)
        return true
    }

    private func judged(_ verdict: Result<Void, any Error>) {
        guard case .judging = state else { return }
        apply(verdict)
        proceed()
    }

    private func apply(_ verdict: Result<Void, any Error>) {
        switch verdict {
        case .success: session?.accept()
        case .failure(let reason): session?.refuse(reason)
        }
        state = .stepping
    }

    private func peerCertificates(_ session: TLSSession) -> [Certificate] {
        if let certificates = try? presented?.certificates() { return certificates }
        return session.peerChain.compactMap { try? configuration.context.certificates.certificate(der: $0) }
    }

    private func open() {
        guard let session, let context, let version = session.version else { return }
        deadline?.cancel()
        deadline = nil
        state = .open
        let summary = HandshakeSummary(
            version: version,
            cipherSuite: session.cipherSuite ?? "unknown",
            group: session.group,
            serverSignatureAlgorithm: session.serverSignatureAlgorithm,
            clientSignatureAlgorithm: session.clientSignatureAlgorithm,
            applicationProtocol: session.applicationProtocol,
            isResumed: session.isResumed,
            clientCertificate: session.shownCertificate,
            peerAskedForCertificate: session.wasAskedForCertificate || session.shownCertificate != nil,
            peerChain: peerCertificates(session),
            duration: .now - started,
            signatureDuration: session.timeToSign,
            requestedServerName: session.requestedServerName,
            isKeyExternal: (session.shown ?? session.chosen)?.lane != nil)
        presented = nil
        if session.isHeldBack { configuration.observe?(.outdated) }
        configuration.observe?(.established(summary, session.takeGivenSessions()))
        self.summary = summary
        configuration.handshakeIsOver()
        completion.take()?.succeed(summary)
        context.fireUserInboundEventTriggered(
            TLSUserEvent.handshakeCompleted(negotiatedProtocol: summary.applicationProtocol))
        resume()
        flushSoon()
    }

    /// What ends the handshake goes out together with what is written first, if whoever waited for the handshake writes
    /// at once: a packet less for both sides.
    private func flushSoon() {
        loop.assumeIsolated().execute { [self] in
            if case .onLane = state { return }
            flushTransport()
            transport?.relax(above: 0)
        }
    }

    // MARK: Steps on a lane

    private func enter(_ lane: any SigningLane, _ session: TLSSession) {
        guard let loop = context?.eventLoop else { return }
        let parcel = Parcel(session: session)
        let handler = NIOLoopBound(self, eventLoop: loop)
        state = .onLane
        enteredLane = loop.now
        arm(configuration.signatureTimeout.map { enteredLane + TimeAmount($0) }) { [configuration] in
            configuration.signatureTimeoutError
        }
        do {
            ticket = try lane.submit {
                let result = Result { () throws(TLSFailure) in try parcel.session.step(mayBlock: true) }
                loop.execute { handler.value.returned(result) }
            }
        } catch {
            state = .stepping
            fail(TLSFailure(.signature(error)))
        }
    }

    private func returned(_ result: Result<TLSSession.Step, TLSFailure>) {
        ticket = nil
        guard case .onLane = state else { return }
        state = .stepping
        for buffer in waitingInput { transport?.append(buffer) }
        waitingInput.removeAll()
        if inputEnded { transport?.end() }
        if awaitsLastWords { return fail(lastWords(after: result)) }
        guard let loop = context?.eventLoop else { return }
        handshakeDeadline = handshakeDeadline.map { $0 + (loop.now - enteredLane) }
        armForHandshake()
        do {
            let again = take(try result.get())
            if again || transport?.hasInput == true { proceed() }
        } catch {
            fail(error)
        }
    }

    private func armForHandshake() {
        arm(handshakeDeadline) { [configuration] in configuration.handshakeTimeoutError }
    }

    private func arm(_ time: NIODeadline?, _ error: @escaping () -> MTLSError) {
        deadline?.cancel()
        deadline = nil
        guard let time, let loop = context?.eventLoop else { return }
        deadline = loop.assumeIsolated().scheduleTask(deadline: time) { [weak self] in self?.fail(error()) }
    }
}

/// Carries a session between the loop and a lane.
private struct Parcel: @unchecked Sendable {  // safe: the session is touched by its holder alone, loop or lane in turn
    let session: TLSSession
}

@available(*, unavailable)
extension GnuTLSHandler: Sendable {}

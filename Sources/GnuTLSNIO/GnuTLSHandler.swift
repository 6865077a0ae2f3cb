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
///
/// A step that needs the verdict on the peer's certificate moves to `judging` unless the verdict is at hand. When the
/// channel closes while a step is on its lane, the step runs to its end there and the session is freed after it.
///
/// Errors are fired as ``MTLSError`` and close the channel. The first one counts.
package final class GnuTLSHandler: ChannelDuplexHandler {
    package typealias InboundIn = ByteBuffer
    package typealias InboundOut = ByteBuffer
    package typealias OutboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    enum State {
        /// The channel is not active yet. Can transition to: stepping.
        case idle
        /// The handshake is under way and the session on the loop. Can transition to: judging, onLane, open, closed.
        case stepping
        /// A verdict is awaited. Can transition to: stepping, closed.
        case judging
        /// A step runs on its lane, or waits there for its turn. Can transition to: stepping, open, closed.
        case onLane
        /// The handshake is over. Can transition to: closed.
        case open
        /// Nothing more is done with the session. Can transition to: –.
        case closed
    }

    private let configuration: HandshakeConfiguration
    private let completion: EventLoopPromise<HandshakeSummary>
    private var state = State.idle
    private var session: TLSSession?
    private var transport: BufferTransport?
    private var ticket: (any LaneTicket)?
    private var deadline: Scheduled<Void>?
    private var started = ContinuousClock.now
    private var context: ChannelHandlerContext?

    private var waitingInput: [ByteBuffer] = []
    private var inputEnded = false
    private var sawCloseNotify = false
    private var pendingWrites = MarkedCircularBuffer<(ByteBuffer, EventLoopPromise<Void>?)>(initialCapacity: 8)
    /// Whether somebody behind this handler waits for plaintext.
    private var readIsWanted = false

    /// - Parameter completion: Told what came of the handshake.
    package init(configuration: HandshakeConfiguration, completion: EventLoopPromise<HandshakeSummary>) {
        self.configuration = configuration
        self.completion = completion
    }

    // MARK: Beginning and end

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { begin(context) }
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        end(with: ChannelError.ioOnClosedChannel)
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
                clientCertificate: configuration.clientCertificate)
            session.choose = configuration.choose
            self.session = session
            self.transport = transport
        } catch {
            return fail(
                MTLSError(
                    .handshakeFailed, phase: .handshake, fault: .us, "no TLS session could be made", underlying: error))
        }
        started = .now
        state = .stepping
        arm(configuration.handshakeTimeout, .timeoutHandshake, .handshake)
        proceed()
    }

    package func channelInactive(context: ChannelHandlerContext) {
        inputHasEnded()
        if case .open = state {} else { fail(TLSFailure(.truncated)) }
        end(with: ChannelError.ioOnClosedChannel)
        context.fireChannelInactive()
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event {
            inputHasEnded()
            // The transport's end means something only to TLS: what the next handler hears of is close_notify, or an error.
            return
        }
        context.fireUserInboundEventTriggered(event)
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
        fail(
            MTLSError(
                .connectionLost, phase: .handshake, fault: .network,
                "the connection to \(configuration.peerName) broke during the TLS handshake: \(error)",
                underlying: error))
    }

    // MARK: The handshake

    /// Steps until input runs dry, a verdict or a lane is needed, or the handshake is over.
    private func proceed() {
        while case .stepping = state, let session {
            if let lane = laneForNextStep(session) { return enter(lane, session) }
            do {
                guard take(try session.step()) else { return }
            } catch {
                return fail(error)
            }
        }
    }

    /// Under TLS 1.3 the choice was made before the verdict, under TLS 1.2 it comes after.
    private func laneForNextStep(_ session: TLSSession) -> (any SigningLane)? {
        guard session.isPeerAccepted else { return nil }
        return session.version == .v1_3 ? session.chosen?.lane : configuration.lane
    }

    /// - Returns: Whether to step again.
    private func take(_ step: TLSSession.Step) -> Bool {
        flushTransport()
        switch step {
        case .needsInput:
            context?.read()
            return false
        case .needsVerdict:
            return askForVerdict()
        case .done:
            open()
            return false
        }
    }

    private func askForVerdict() -> Bool {
        guard let session, let loop = context?.eventLoop else { return false }
        state = .judging
        let handler = NIOLoopBound(self, eventLoop: loop)
        let answer = configuration.judge(session.peerChain) { verdict in
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

    // MARK: Steps on a lane

    private func enter(_ lane: any SigningLane, _ session: TLSSession) {
        guard let loop = context?.eventLoop else { return }
        let parcel = Parcel(session: session)
        let handler = NIOLoopBound(self, eventLoop: loop)
        state = .onLane
        arm(configuration.signatureTimeout, .timeoutSignature, .sign)
        do {
            ticket = try lane.submit {
                let result = Result { () throws(TLSFailure) in try parcel.session.step(mayBlock: true) }
                loop.execute { handler.value.returned(result) }
            }
        } catch {
            state = .stepping
            fail(error)
        }
    }

    private func returned(_ result: Result<TLSSession.Step, TLSFailure>) {
        ticket = nil
        guard case .onLane = state else { return }
        state = .stepping
        arm(configuration.handshakeTimeout, .timeoutHandshake, .handshake)
        for buffer in waitingInput { transport?.append(buffer) }
        waitingInput.removeAll()
        if inputEnded { transport?.end() }
        do {
            let again = take(try result.get())
            if again || transport?.hasInput == true { proceed() }
        } catch {
            fail(error)
        }
    }

    // MARK: After the handshake

    private func open() {
        guard let session, let context, let version = session.version else { return }
        deadline?.cancel()
        deadline = nil
        state = .open
        let summary = HandshakeSummary(
            version: version,
            cipherSuite: session.cipherSuite ?? "unknown",
            applicationProtocol: session.applicationProtocol,
            isResumed: session.isResumed,
            clientCertificate: session.shownCertificate,
            peerAskedForCertificate: session.wasAskedForCertificate,
            peerChain: session.peerChain.compactMap { try? Certificate(der: $0) },
            duration: .now - started,
            signatureDuration: session.timeToSign,
            requestedServerName: session.requestedServerName,
            isKeyExternal: session.chosen?.lane != nil)
        completion.succeed(summary)
        context.fireUserInboundEventTriggered(
            TLSUserEvent.handshakeCompleted(negotiatedProtocol: summary.applicationProtocol))
        if pendingWrites.hasMark { encrypt() }
        if transport?.hasInput == true { deliver() } else if readIsWanted { context.read() }
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        if case .onLane = state { waitingInput.append(buffer) } else { transport?.append(buffer) }
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        switch state {
        case .stepping: proceed()
        case .open: deliver()
        case .idle, .judging, .onLane, .closed: break
        }
    }

    /// Decrypts what has arrived and passes it on.
    private func deliver() {
        guard let session, let context else { return }
        var delivered = false
        var plaintext = context.channel.allocator.buffer(capacity: 0)
        reading: while case .open = state {
            do {
                let capacity = plaintext.readableBytes == 0 ? 1 << 14 : 1 << 16
                if plaintext.writableBytes < 1 << 14 { plaintext.reserveCapacity(minimumWritableBytes: capacity) }
                var read = TLSSession.Read.dry
                try plaintext.writeDecrypted { (target) throws(TLSFailure) in
                    read = try session.read(into: target)
                    if case .bytes(let count) = read { return count }
                    return 0
                }
                switch read {
                case .bytes:
                    guard plaintext.readableBytes > 1 << 18 else { continue }
                    context.fireChannelRead(wrapInboundOut(plaintext))
                    plaintext = context.channel.allocator.buffer(capacity: 1 << 16)
                    delivered = true
                case .dry:
                    break reading
                case .closed:
                    sawCloseNotify = true
                    break reading
                }
            } catch {
                flushTransport()
                if plaintext.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(plaintext)) }
                context.fireChannelReadComplete()
                return fail(error)
            }
        }
        if plaintext.readableBytes > 0 {
            context.fireChannelRead(wrapInboundOut(plaintext))
            delivered = true
        }
        if delivered { readIsWanted = false }
        context.fireChannelReadComplete()
        if sawCloseNotify {
            guard case .open = state else { return }
            context.fireUserInboundEventTriggered(TLSUserEvent.shutdownCompleted)
            return close(context: context, mode: .all, promise: nil)
        }
        if readIsWanted { context.read() }
    }

    package func read(context: ChannelHandlerContext) {
        readIsWanted = true
        switch state {
        case .stepping, .open, .idle: context.read()
        case .judging, .onLane, .closed: break
        }
    }

    // MARK: Writing

    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .closed = state {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        pendingWrites.append((unwrapOutboundIn(data), promise))
    }

    package func flush(context: ChannelHandlerContext) {
        pendingWrites.mark()
        if case .open = state { encrypt() }
    }

    /// Encrypts the writes that were flushed, and passes them on as one.
    private func encrypt() {
        guard let session else { return }
        var gathered: EventLoopPromise<Void>?
        while pendingWrites.hasMark, let (buffer, promise) = pendingWrites.popFirst() {
            if let promise {
                if let gathered { gathered.futureResult.cascade(to: promise) } else { gathered = promise }
            }
            do {
                try buffer.withUnsafeReadableBytes { bytes in try session.write(bytes) }
            } catch {
                gathered?.fail(error)
                return fail(error)
            }
        }
        flushTransport(gathered)
    }

    private func flushTransport(_ promise: EventLoopPromise<Void>? = nil) {
        guard let context, let transport, let bytes = transport.takeOutbound() else {
            promise?.succeed()
            return
        }
        context.writeAndFlush(wrapOutboundOut(bytes), promise: promise)
        transport.outboundWasPassedOn()
    }

    // MARK: Closing

    package func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if mode == .input { return context.close(mode: mode, promise: promise) }
        if case .open = state {
            if pendingWrites.hasMark { encrypt() }
            session?.close()
            flushTransport()
        }
        if mode == .all { end(with: ChannelError.ioOnClosedChannel) }
        context.close(mode: mode, promise: promise)
    }

    private func fail(_ failure: any Error) {
        if case .closed = state { return }
        var wasOpen = false
        if case .open = state { wasOpen = true }
        // While a step is on its lane the session is not ours to look at.
        var isOurs = true
        if case .onLane = state { isOurs = false }
        let error: any Error
        switch failure {
        case let failure as TLSFailure:
            if case .truncated = failure.kind, wasOpen {
                // Whether that matters, only the reader of the plaintext can tell.
                let context = context
                end(with: ChannelError.ioOnClosedChannel)
                context?.fireUserInboundEventTriggered(TruncationEvent())
                context?.close(promise: nil)
                return
            }
            error = MTLSError.tls(
                failure, peer: configuration.peerName, isEstablished: wasOpen, shown: isOurs ? session?.chosen : nil,
                wasAsked: isOurs && session?.wasAskedForCertificate == true)
        default:
            error = failure
        }
        let context = context
        if isOurs { flushTransport() }
        end(with: error)
        context?.fireErrorCaught(error)
        context?.close(promise: nil)
    }

    /// Lets go of everything, whatever the state.
    private func end(with error: any Error) {
        if case .closed = state { return }
        state = .closed
        deadline?.cancel()
        deadline = nil
        ticket?.cancel()
        ticket = nil
        session = nil
        transport = nil
        waitingInput.removeAll()
        completion.fail(error)
        while let (_, promise) = pendingWrites.popFirst() { promise?.fail(error) }
    }

    private func arm(_ limit: Duration?, _ code: MTLSError.Code, _ phase: MTLSError.Phase) {
        deadline?.cancel()
        deadline = nil
        guard let limit, let loop = context?.eventLoop else { return }
        deadline = loop.assumeIsolated().scheduleTask(in: TimeAmount(limit)) { [weak self] in
            guard let self else { return }
            let what =
                phase == .sign
                ? "the client's key did not sign" : "the TLS handshake with \(configuration.peerName) did not end"
            fail(
                MTLSError(
                    code, phase: phase, fault: phase == .sign ? .token : .peer, "\(what) within \(limit)",
                    advice: phase == .sign
                        ? "look at the token (does it wait for a touch or a PIN pad?), or allow more time with Timeouts.signature"
                        : "allow more time with Timeouts.handshake"))
        }
    }
}

/// Fired when the transport ended without close_notify, after the handshake (RFC 8446 §6.1).
package struct TruncationEvent: Sendable {}

/// Carries a session between the loop and a lane.
private struct Parcel: @unchecked Sendable {  // safe: the session is touched by its holder alone, loop or lane in turn
    let session: TLSSession
}

@available(*, unavailable)
extension GnuTLSHandler: Sendable {}

extension ByteBuffer {
    fileprivate mutating func writeDecrypted(
        _ body: (UnsafeMutableRawBufferPointer) throws(TLSFailure) -> Int
    ) throws(TLSFailure) {
        do {
            try writeWithUnsafeMutableBytes(minimumWritableBytes: 1) { try body($0) }
        } catch let failure as TLSFailure {
            throw failure
        } catch {
            // safe: the closure throws nothing else
        }
    }
}

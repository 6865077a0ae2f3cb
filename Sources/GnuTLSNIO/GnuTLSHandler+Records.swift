import GnuTLS
package import NIOCore
import NIOTLS

extension GnuTLSHandler {
    // MARK: Reading

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

    package func read(context: ChannelHandlerContext) {
        readIsWanted = true
        switch state {
        case .stepping, .open, .idle:
            readWasPassedOn = true
            context.read()
        case .judging, .onLane, .closed: break
        }
    }

    /// Decrypts what has arrived and passes it on: as one read, unless it is long.
    func deliver() {
        guard let session, let context else { return }
        transport?.relax(above: 1 << 16)
        readWasPassedOn = false
        var plaintext = ByteBuffer()
        var sawCloseNotify = false
        var isStepWanted = false
        func pass() {
            guard plaintext.readableBytes > 0 else { return }
            readIsWanted = false
            noteArrival()
            context.fireChannelRead(wrapInboundOut(plaintext))
            plaintext = ByteBuffer()
        }
        reading: while case .open = state, session.hasInput {
            do {
                switch try plaintext.decrypt(from: session) {
                case .bytes: if plaintext.readableBytes > ByteBuffer.longestPiece - (1 << 14) { pass() }
                case .dry: break reading
                case .closed:
                    sawCloseNotify = true
                    break reading
                case .stepWanted:
                    isStepWanted = true
                    break reading
                }
            } catch {
                reportSessions()
                flushTransport()
                pass()
                context.fireChannelReadComplete()
                return fail(error)
            }
        }
        reportSessions()
        // Reading may have answered something: a wish to renegotiate is declined.
        if transport?.hasOutput == true { flushTransport() }
        // Whoever gets this may write, and must not: the session has another exchange to make.
        if isStepWanted { state = .stepping }
        pass()
        context.fireChannelReadComplete()
        if isStepWanted, case .stepping = state { return beginSteps() }
        guard case .open = state else { return }
        if sawCloseNotify {
            context.fireUserInboundEventTriggered(TLSUserEvent.shutdownCompleted)
            return close(context: context, mode: .all, promise: nil)
        }
        if readIsWanted, !readWasPassedOn { context.read() }
    }

    /// Passes on the sessions that came in what was decrypted.
    func reportSessions() {
        guard let observe = configuration.observe, let session else { return }
        for given in session.takeGivenSessions() { observe(.given(given)) }
    }

    private func noteArrival() {
        guard !hasReceived else { return }
        hasReceived = true
        reportSessions()
        configuration.observe?(.answered)
    }

    // MARK: Writing

    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .closed = state {
            promise?.fail(ChannelError.ioOnClosedChannel)
        } else if case .open = output {
            pendingWrites.append((unwrapOutboundIn(data), promise))
        } else {
            promise?.fail(ChannelError.outputClosed)
        }
    }

    package func flush(context: ChannelHandlerContext) {
        pendingWrites.mark()
        if case .open = state { encrypt() }
    }

    /// Encrypts the writes that were flushed, and passes them on as one.
    func encrypt() {
        guard let session else { return }
        var gathered: EventLoopPromise<Void>?
        while pendingWrites.hasMark, let (buffer, promise) = pendingWrites.popFirst() {
            if let promise {
                if let gathered { gathered.futureResult.cascade(to: promise) } else { gathered = promise }
            }
            do {
                transport?.makeRoom(forPlaintext: buffer.readableBytes)
                try buffer.withUnsafeReadableBytes { bytes in try session.write(bytes) }
            } catch {
                let error = explain(error)
                fail(error)
                gathered?.fail(error)
                return
            }
        }
        flushTransport(gathered)
    }

    /// Passes on what the session pushed. A promise without bytes still waits for those before it.
    func flushTransport(_ promise: EventLoopPromise<Void>? = nil) {
        guard let context, let transport else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        var bytes = transport.takeOutbound()
        guard bytes != nil || promise != nil else { return }
        context.writeAndFlush(wrapOutboundOut(bytes ?? ByteBuffer()), promise: promise)
        // Nobody else may hold it, lest it be copied.
        if let bytes = bytes.take() { transport.recycle(bytes) }
    }
}

extension ByteBuffer {
    /// As much plaintext as is passed on at once.
    fileprivate static let longestPiece = 1 << 18

    /// Appends at most one record. There is as much room as all that has arrived needs, and not much more: whoever gets
    /// the plaintext may keep it.
    fileprivate mutating func decrypt(from session: TLSSession) throws(TLSFailure) -> TLSSession.Read {
        if writableBytes < 1 << 14 {
            let expected = session.expectedBytes
            if capacity == 0 {
                self = ByteBufferAllocator().buffer(capacity: min(expected, Self.longestPiece))
            } else if writableBytes < expected {
                reserveCapacity(minimumWritableBytes: min(expected, Self.longestPiece - readableBytes))
            }
        }
        var outcome: Result<TLSSession.Read, TLSFailure> = .success(.dry)
        writeWithUnsafeMutableBytes(minimumWritableBytes: 1) { target in
            outcome = Result { () throws(TLSFailure) in try session.read(into: target) }
            return if case .success(.bytes(let count)) = outcome { count } else { 0 }
        }
        return try outcome.get()
    }
}

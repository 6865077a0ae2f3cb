import GnuTLS
import MTLSCore
package import NIOCore

extension GnuTLSHandler {
    package func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        switch (mode, state) {
        case (.input, _), (_, .closed):
            context.close(mode: mode, promise: promise)
        case (.output, .open):
            closeOutput(promise)
        case (.output, _):
            guard case .open = output else {
                promise?.fail(ChannelError.outputClosed)
                return
            }
            output = .closing(promise)
        case (.all, .open):
            encrypt()
            session?.close()
            flushTransport()
            fallthrough
        case (.all, _):
            end(with: ChannelError.ioOnClosedChannel)
            context.close(promise: promise)
        }
    }

    /// Says close_notify after what was flushed; reading goes on.
    func closeOutput(_ promise: EventLoopPromise<Void>?) {
        if case .closed = output {
            promise?.fail(ChannelError.outputClosed)
            return
        }
        output = .closed
        encrypt()
        while let (_, promise) = pendingWrites.popFirst() { promise?.fail(ChannelError.outputClosed) }
        session?.close()
        flushTransport()
        context?.close(mode: .output, promise: promise)
    }

    /// Ends the connection because of `failure`. The peer is told by the alert that the session has ready.
    func fail(_ failure: any Error) {
        if case .closed = state { return }
        let context = context
        if case .open = state, case .truncated? = (failure as? TLSFailure)?.kind {
            // Whether that matters, only the reader of the plaintext can tell.
            end(with: ChannelError.ioOnClosedChannel)
            context?.fireUserInboundEventTriggered(TruncationEvent())
        } else {
            let error = explain(failure)
            if case .open = state, !hasReceived, case .alert? = (failure as? TLSFailure)?.kind,
                let rejection = error as? MTLSError
            {
                configuration.observe?(.rejected(rejection))
            }
            if case .onLane = state {} else { flushTransport() }
            end(with: error)
            context?.fireErrorCaught(error)
        }
        context?.close(promise: nil)
    }

    /// The failure in the words of ``MTLSError``.
    func explain(_ failure: any Error) -> any Error {
        guard let failure = failure as? TLSFailure else { return failure }
        var session = session
        // While a step is on its lane the session is not ours to look at.
        if case .onLane = state { session = nil }
        return MTLSError.tls(
            failure, peer: configuration.peerName, isEstablished: summary != nil, session: session)
    }

    /// Lets go of everything, whatever the state.
    func end(with error: any Error) {
        if case .closed = state { return }
        state = .closed
        deadline?.cancel()
        deadline = nil
        ticket?.cancel()
        ticket = nil
        session = nil
        transport = nil
        waitingInput.removeAll()
        completion.take()?.fail(error)
        answer?.fail(error)
        answer = nil
        while let (_, promise) = pendingWrites.popFirst() { promise?.fail(error) }
        if case .closing(let promise) = output { promise?.fail(error) }
        output = .closed
    }
}

/// Fired when the transport ended without close_notify, after the handshake (RFC 8446 §6.1).
package struct TruncationEvent: Sendable {}

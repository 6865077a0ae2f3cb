package import GnuTLS
package import NIOCore

/// What comes after the handshake: see ``TLSSession``.
extension GnuTLSHandler {
    /// In the server's role, asks the client for a certificate, by post-handshake authentication under TLS 1.3, by
    /// renegotiation under TLS 1.2.
    ///
    /// - Parameter demand: What becomes of a client that has none.
    /// - Returns: What is known of the client afterwards: no more than before, where it did not offer to be asked. Fails
    ///   with what ends the connection.
    package func requestCertificate(_ demand: ClientCertificateDemand) -> EventLoopFuture<HandshakeSummary> {
        let promise = loop.makePromise(of: HandshakeSummary.self)
        guard case .open = state, answer == nil, let session, let summary else {
            promise.fail(ChannelError.inappropriateOperationForState)
            return promise.futureResult
        }
        do {
            if try session.requestAuthentication(demand) {
                answer = promise
                beginSteps()
            } else {
                promise.succeed(summary)
            }
        } catch {
            promise.fail(error)
            fail(error)
        }
        return promise.futureResult
    }

    /// The peer has what it wished for after the handshake.
    func reopen() {
        guard let session, let context else { return }
        deadline?.cancel()
        deadline = nil
        state = .open
        updateSummary(from: session, context)
        resume()
    }

    /// Reads and writes what waited for the handshake.
    func resume() {
        if pendingWrites.hasMark, case .open = state { encrypt() }
        if case .open = state, case .closing(let promise) = output { closeOutput(promise) }
        guard case .open = state, let session else { return }
        if session.hasInput { deliver() } else if readIsWanted { context?.read() }
    }

    /// The peer has authenticated us, or we the peer.
    private func updateSummary(from session: TLSSession, _ context: ChannelHandlerContext) {
        guard var updated = summary else { return }
        if session.chosen != nil, let shown = session.shownCertificate {
            updated.clientCertificate = shown
            updated.clientSignatureAlgorithm = session.clientSignatureAlgorithm
            updated.isAuthenticatedLater = true
            updated.isKeyExternal = session.chosen?.lane != nil
        }
        updated.peerAskedForCertificate = updated.peerAskedForCertificate || session.wasAskedForCertificate
        updated.peerChain = session.peerChain.compactMap { try? Certificate(der: $0) }
        updated.signatureDuration = session.timeToSign
        summary = updated
        answer?.succeed(updated)
        answer = nil
        context.fireUserInboundEventTriggered(LaterExchangeEvent(summary: updated))
    }

    /// What the peer said before it closed the connection.
    func lastWords(after result: Result<TLSSession.Step, TLSFailure>) -> any Error {
        do {
            var step = try result.get()
            guard let session else { return TLSFailure(.truncated) }
            // The input has an end, and so have these loops.
            while step == .needsInput { step = try session.step() }
            var scratch = [UInt8](repeating: 0, count: 1 << 14)
            while case .bytes = try scratch.withUnsafeMutableBytes({ try session.read(into: $0) }) {}
            return TLSFailure(.truncated)
        } catch {
            return error
        }
    }
}

/// Fired when an authentication or handshake after the first is over.
package struct LaterExchangeEvent: Sendable {
    /// What is known now.
    package let summary: HandshakeSummary
}

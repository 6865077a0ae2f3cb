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
        let promise = completion.futureResult.eventLoop.makePromise(of: HandshakeSummary.self)
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

    /// The peer has authenticated us, or we the peer.
    func updateSummary(from session: TLSSession, _ context: ChannelHandlerContext) {
        guard var updated = summary else { return }
        if let shown = session.shownCertificate {
            updated.clientCertificate = shown
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
}

/// Fired when an authentication or handshake after the first is over.
package struct LaterExchangeEvent: Sendable {
    /// What is known now.
    package let summary: HandshakeSummary
}

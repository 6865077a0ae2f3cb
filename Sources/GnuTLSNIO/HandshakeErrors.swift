import GnuTLS
import MTLSCore

extension MTLSError {
    /// Says what a session's failure means to the one who asked for the connection.
    ///
    /// - Parameters:
    ///   - isEstablished: Whether the handshake was over on our side. Under TLS 1.3 the server judges our certificate
    ///     only then.
    ///   - session: The session, if it may be looked at.
    static func tls(_ failure: TLSFailure, peer: String, isEstablished: Bool, session: TLSSession?) -> MTLSError {
        let shown = session?.shown ?? session?.chosen
        let phase: Phase = isEstablished ? .response : .handshake
        let subject = shown?.chain.first.map { "\"\($0.subject)\"" } ?? "the configured identity"
        switch failure.kind {
        case .refused(let error):
            return (error as? MTLSError)
                ?? MTLSError(
                    .certificateInvalid, phase: .verify, fault: .peer,
                    "the certificate of \(peer) was refused: \(error)", underlying: error)
        case .choice(let error):
            return (error as? MTLSError)
                ?? MTLSError(
                    .identityUnusable, phase: .identity, fault: .caller,
                    "no client certificate could be chosen for \(peer): \(error)", underlying: error)
        case .signature(let error):
            return (error as? MTLSError)
                ?? MTLSError(
                    .tokenFailed, phase: .sign, fault: .token, "the key of \(subject) did not sign: \(error)",
                    underlying: error)
        case .alert(let alert):
            let meaning = AlertMeaning.of(
                alert.number,
                .init(
                    client: shown == nil ? nil : subject, wasAsked: session?.wasAskedForCertificate ?? false,
                    isClient: session?.context.role == .client, isEstablished: isEstablished,
                    hasDeclinedRenegotiation: session?.hasDeclinedRenegotiation ?? false))
            return MTLSError(
                meaning.code, phase: phase, fault: meaning.fault,
                "\(peer) \(meaning.text) (alert \(alert.number): \(alert.name))", advice: meaning.advice,
                underlying: failure)
        case .laterExchange(let problem):
            return MTLSError(
                .tlsFailed, phase: phase, fault: .peer, "\(peer) \(problem.text)", underlying: failure)
        case .truncated:
            return isEstablished
                ? MTLSError(
                    .connectionLost, phase: phase, fault: .peer, "\(peer) closed the connection without close_notify",
                    underlying: failure)
                : MTLSError(
                    .handshakeFailed, phase: phase, fault: .peer,
                    "\(peer) closed the connection during the TLS handshake",
                    advice: shown.map { _ in "the server may have rejected the client certificate \(subject)" },
                    underlying: failure)
        case .certificateNotSent:
            return MTLSError(
                .identityUnusable, phase: .identity, fault: .caller,
                "\(peer) asked for a client certificate and \(subject) could not be sent", underlying: failure)
        case .protocolNotOffered(let name):
            return MTLSError(
                .handshakeFailed, phase: phase, fault: .peer,
                "\(peer) chose the protocol \"\(name)\", which was not offered",
                underlying: failure)
        case .sessionDeclined:
            return MTLSError(
                .handshakeFailed, phase: phase, fault: .peer,
                "\(peer) did not resume the session that it was offered alone", underlying: failure)
        case .notTLS(let name):
            return MTLSError(
                .handshakeFailed, phase: phase, fault: .caller, "\(peer) answered in plain \(name), not TLS",
                advice: "check the port, and whether the URL should begin with http: in place of https:",
                underlying: failure)
        case .flood:
            return MTLSError(
                isEstablished ? .tlsFailed : .handshakeFailed, phase: phase, fault: .peer,
                "\(peer) sent TLS records without end and without data", underlying: failure)
        case .signatureOutOfPlace:
            return MTLSError(
                .invariantViolated, phase: .sign, fault: .us, "a signature was asked for at the wrong time",
                underlying: failure)
        case .gnutls(let error):
            return MTLSError(
                isEstablished ? .tlsFailed : .handshakeFailed, phase: phase, fault: .peer,
                "TLS with \(peer) failed: \(error.message) (\(error.name))", underlying: failure)
        }
    }
}

extension LaterExchangeProblem {
    /// What the peer did, to be put behind its name.
    fileprivate var text: String {
        switch self {
        case .tooMany:
            "asked more than \(TLSSession.laterExchangeLimit) times for a certificate or a handshake on one connection"
        case .forbiddenByHTTP2: "asked for a client certificate over HTTP/2, which forbids that"
        case .outputClosed: "asked for a client certificate when our side of the connection was closed"
        case .peerChanged: "did not show the same certificate again when it renegotiated"
        case .dataMeanwhile: "sent data in the middle of a renegotiation"
        }
    }
}

extension HandshakeConfiguration {
    var handshakeTimeoutError: MTLSError {
        MTLSError(
            .timeoutHandshake, phase: .handshake, fault: .peer,
            "the TLS handshake with \(peerName) did not end within \(limit(handshakeTimeout))",
            advice: "allow more time with Timeouts.handshake")
    }

    var signatureTimeoutError: MTLSError {
        MTLSError(
            .timeoutSignature, phase: .sign, fault: .token,
            "the client's key did not sign within \(limit(signatureTimeout))",
            advice:
                "look at the token (does it wait for a touch or a PIN pad?), or allow more time with Timeouts.signature"
        )
    }

    private func limit(_ limit: Duration?) -> String { limit.map { "\($0)" } ?? "its time" }
}

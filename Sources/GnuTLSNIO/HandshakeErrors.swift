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
        case .alert(let alert) where concernsOurCertificate(alert, session):
            return shown == nil
                ? MTLSError(
                    .clientCertificateRequired, phase: phase, fault: .caller,
                    "\(peer) demands a client certificate and none was configured (alert \(alert.number): \(alert.name))",
                    advice: "configure an identity for this host", underlying: failure)
                : MTLSError(
                    .clientCertificateRejected, phase: phase, fault: .caller,
                    "\(peer) rejected the client certificate \(subject) (alert \(alert.number): \(alert.name))",
                    advice: "check that the server trusts its issuer and that it has not expired or been revoked",
                    underlying: failure)
        case .alert(let alert):
            return MTLSError(
                isEstablished ? .tlsFailed : .handshakeFailed, phase: phase, fault: .peer,
                "\(peer) ended the TLS connection with alert \(alert.number): \(alert.name)", underlying: failure)
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
    private static func concernsOurCertificate(_ alert: TLSAlert, _ session: TLSSession?) -> Bool {
        // In the server's role, ours is not the client certificate.
        guard let session, session.context.role == .client else { return false }
        // Under TLS 1.2 OpenSSL calls a missing certificate a handshake_failure, GnuTLS a decode_error.
        let hasNone = session.shown == nil && session.chosen == nil
        let isMissing = [40, 50].contains(alert.number) && session.wasAskedForCertificate && hasNone
        return alert.concernsCertificate || isMissing
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

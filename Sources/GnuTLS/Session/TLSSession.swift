import CGnuTLS

/// One TLS connection without its I/O: ciphertext comes from and goes to a ``TLSTransport``, and nothing here waits.
///
/// # Theory of operation
/// A handshake is a series of steps. Each consumes what has arrived and ends when input runs dry, when the peer's
/// certificate wants a verdict, or when the handshake is done. The verdict may take its time: the step that comes after
/// ``accept()`` goes on where the earlier one paused. Signing is synchronous in GnuTLS (a sign callback that answers
/// GNUTLS_E_AGAIN makes it skip CertificateVerify), so a step that may have to ask an ``ExternalSigner`` is declared
/// `mayBlock` and run where blocking does no harm. A signature before the verdict, or in a step that was not so declared,
/// is refused here, whatever GnuTLS believes.
///
/// A session belongs to one thread at a time and may move between steps. Two threads at once corrupt it, and so does
/// reading on one while writing on another (GnuTLS issue 1717), whatever the manual says.
package final class TLSSession {
    /// How a step ended.
    package enum Step: Equatable {
        /// Input ran dry: step again when more has arrived.
        case needsInput
        /// The peer's certificate wants a verdict: ``accept()`` or ``refuse(_:)``, then step again.
        case needsVerdict
        /// The handshake is complete on this side.
        case done
    }

    enum Verdict {
        case none
        case pending
        case accepted
        case refused(any Error)
    }

    package let context: TLSContext
    let handle: gnutls_session_t
    /// Not retained by GnuTLS: this reference keeps it alive.
    let transport: any TLSTransport
    /// Which exchange of messages ``step(mayBlock:)`` drives.
    var activity = Activity.handshake
    /// Whether the first handshake is complete on this side.
    package internal(set) var isEstablished = false
    /// How often the peer had us begin another exchange.
    var laterExchanges = 0
    // heldData, opening and given are asked for with each record and seldom changed. They are changed as wholes: then
    // the compiler can leave out the exclusivity checks for all who ask.
    /// Data of the application that came in the middle of one.
    var heldData: [UInt8] = []
    /// In renegotiation, the certificate that the peer had shown before.
    var formerPeer: [UInt8]?
    /// Whether the peer wished for renegotiation and was told no.
    package internal(set) var hasDeclinedRenegotiation = false

    /// Chooses the certificate to show; nil shows none. Called at most once a handshake, before or after the verdict
    /// (TLS 1.3 before, TLS 1.2 after), and must not block.
    package var choose: ((CertificateRequest) throws -> CertifiedKey?)?

    /// The first thing that went wrong.
    var failure: TLSFailure?

    var verdict = Verdict.none
    /// What ``choose`` answered.
    package internal(set) var chosen: CertifiedKey?
    var externalKeys: [ObjectIdentifier: gnutls_privkey_t] = [:]
    /// Whether the step in progress may wait for a signature.
    var stepMayBlock = false
    var ranDry = false
    /// How much was pulled since the last plaintext, or since the handshake began.
    var fruitlessBytes = 0
    /// The first bytes that were pulled.
    var opening: [UInt8] = []
    var signatureTime: Duration = .zero
    /// Whether an external key has signed: the handshake asks for no other signature.
    package internal(set) var hasSigned = false
    var hasSaidClose = false
    /// What belongs to the session that the client asked the server to resume.
    var offered: Offer?
    /// Whether that is all that the server may accept.
    var isOfferedAlone = false
    /// Sessions that the server gave and nobody has taken yet.
    var given: [ResumableSession] = []
    var ticket: Ticket?
    /// The extensions of our hello, in the client's role, until the handshake is over.
    var hello: HelloExtensions?

    /// - Parameters:
    ///   - serverName: The name for the SNI extension in the client's role; IP addresses are not sent (RFC 6066 §3).
    ///   - clientCertificate: In the server's role, whether a client certificate is asked for.
    ///   - authenticatesLater: Whether post-handshake authentication is offered, or in the server's role possible
    ///     (RFC 8446 §4.6.2).
    package init(
        context: TLSContext, transport: any TLSTransport, serverName: String? = nil,
        clientCertificate: ClientCertificateDemand = .ignored, authenticatesLater: Bool = false
    ) throws(GnuTLSError) {
        var flags = GNUTLS_NONBLOCK.rawFlag | GNUTLS_NO_SIGNAL.rawFlag
        if authenticatesLater { flags |= GNUTLS_POST_HANDSHAKE_AUTH.rawFlag }
        switch context.role {
        // Without FORCE_CLIENT_CERT some combinations (Ed25519 under TLS 1.2) silently send no certificate.
        case .client: flags |= GNUTLS_CLIENT.rawFlag | GNUTLS_FORCE_CLIENT_CERT.rawFlag
        case .server: flags |= GNUTLS_SERVER.rawFlag
        }
        if context.priorities.sharesOneKey { flags |= GNUTLS_KEY_SHARE_TOP.rawFlag }
        if !context.options.resumesSessions { flags |= GNUTLS_NO_TICKETS.rawFlag }
        var session: gnutls_session_t?
        let result = gnutls_init(&session, flags)
        guard let session else { throw GnuTLSError(code: result, operation: "gnutls_init") }
        self.context = context
        self.transport = transport
        handle = session

        try check(gnutls_priority_set(session, context.priorities.handle), "gnutls_priority_set")
        try check(
            gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, UnsafeMutableRawPointer(context.credentials)),
            "gnutls_credentials_set")
        // Also without one: otherwise the environment's SSLKEYLOGFILE would have GnuTLS write down every secret.
        gnutls_session_set_keylog_function(session, context.options.keyLog == nil ? nil : writeKeyLog)
        if context.role == .server {
            gnutls_certificate_server_set_request(session, clientCertificate.request)
        } else if let serverName, case .dns(let name) = ServerName(serverName) {
            try check(
                gnutls_server_name_set(session, GNUTLS_NAME_DNS, name, name.utf8.count), "gnutls_server_name_set")
        }
        try offerProtocols()
        installCallbacks()
        if context.options.resumesSessions { try prepareTickets() }
        watchMessages()
    }

    deinit {
        gnutls_deinit(handle)
        for key in externalKeys.values { gnutls_privkey_deinit(key) }
    }

    private func offerProtocols() throws(GnuTLSError) {
        let names = context.options.applicationProtocols.map { Array($0.utf8) }
        guard !names.isEmpty else { return }
        var all = names.flatMap { $0 }
        let result = all.withUnsafeMutableBufferPointer { bytes in
            var start = 0
            var datums: [gnutls_datum_t] = names.map { name in
                defer { start += name.count }
                return gnutls_datum_t(data: bytes.baseAddress?.advanced(by: start), size: UInt32(name.count))
            }
            return gnutls_alpn_set_protocols(handle, &datums, UInt32(datums.count), 0)
        }
        try check(result, "gnutls_alpn_set_protocols")
    }

    // MARK: The handshake

    /// Goes on with the handshake as far as the input allows.
    ///
    /// - Parameter mayBlock: Whether the calling thread may wait for an ``ExternalSigner``.
    package func step(mayBlock: Bool = false) throws(TLSFailure) -> Step {
        if let failure { throw failure }
        stepMayBlock = mayBlock
        defer { stepMayBlock = false }
        while true {
            ranDry = false
            let result = activity == .authentication ? gnutls_reauth(handle, 0) : gnutls_handshake(handle)
            if let failure { throw abandon(failure, result) }
            switch result {
            case GNUTLS_E_SUCCESS:
                try checkOutcome()
                keepSessionOfTLS12()
                fruitlessBytes = 0
                isEstablished = true
                // Whatever is answered later answers another hello.
                hello = nil
                return .done
            case GNUTLS_E_AGAIN, GNUTLS_E_INTERRUPTED:
                if case .pending = verdict { return .needsVerdict }
                try checkPatience()
                if ranDry { return .needsInput }
            case GNUTLS_E_WARNING_ALERT_RECEIVED:
                try checkPatience()
                try checkWarning()
            case GNUTLS_E_GOT_APPLICATION_DATA:
                try holdData()
            default:
                throw abandon(TLSFailure(describe(result)), result)
            }
        }
    }

    /// The peer's certificate is accepted.
    package func accept() {
        verdict = .accepted
    }

    /// The peer's certificate is refused: the next step sends the alert and fails with `reason`.
    package func refuse(_ reason: any Error) {
        verdict = .refused(reason)
    }

    /// Whether the peer's certificate was accepted, so that from here on a step may sign.
    package var isPeerAccepted: Bool {
        if case .accepted = verdict { true } else { false }
    }

    private func checkOutcome() throws(TLSFailure) {
        // A priority string of the user's own can bring older versions back.
        guard version != nil else {
            let code = GNUTLS_E_UNSUPPORTED_VERSION_PACKET
            throw abandon(TLSFailure(.gnutls(GnuTLSError(code: code, operation: "TLS"))), code)
        }
        guard context.role == .server || isPeerVerified else {
            let code = GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR
            throw abandon(TLSFailure(.gnutls(GnuTLSError(code: code, operation: "TLS"))), code)
        }
        if activity == .renegotiation, context.role == .client, isResumed || !isPeerAccepted {
            throw abandon(TLSFailure(.laterExchange(.peerChanged)), GNUTLS_E_UNEXPECTED_PACKET)
        }
        if context.role == .client, chosen != nil, gnutls_certificate_client_get_request_status(handle) != 0,
            gnutls_certificate_get_ours(handle) == nil, !isResumed
        {
            throw abandon(TLSFailure(.certificateNotSent), GNUTLS_E_INSUFFICIENT_CREDENTIALS)
        }
    }

    /// Keeps the first failure and tells the peer.
    func abandon(_ failure: TLSFailure, _ result: Int32) -> TLSFailure {
        let first = self.failure ?? failure
        self.failure = first
        switch first.kind {
        case .alert, .truncated, .notTLS: break
        case .sessionDeclined: gnutls_alert_send(handle, GNUTLS_AL_WARNING, GNUTLS_A_USER_CANCELED)
        case .refused: gnutls_alert_send(handle, GNUTLS_AL_FATAL, GNUTLS_A_BAD_CERTIFICATE)
        case .signature, .choice, .certificateNotSent, .signatureOutOfPlace:
            gnutls_alert_send(handle, GNUTLS_AL_FATAL, GNUTLS_A_INTERNAL_ERROR)
        case .protocolNotOffered: gnutls_alert_send(handle, GNUTLS_AL_FATAL, GNUTLS_A_ILLEGAL_PARAMETER)
        case .laterExchange: gnutls_alert_send(handle, GNUTLS_AL_FATAL, GNUTLS_A_UNEXPECTED_MESSAGE)
        case .gnutls, .flood: gnutls_alert_send_appropriate(handle, result)
        }
        return first
    }

    func describe(_ result: Int32) -> TLSFailure.Kind {
        if let other = otherProtocol { return .notTLS(other) }
        switch result {
        case GNUTLS_E_FATAL_ALERT_RECEIVED:
            let alert = gnutls_alert_get(handle)
            let name = gnutls_alert_get_name(alert).map { String(cString: $0) } ?? "unknown alert"
            return .alert(TLSAlert(number: UInt8(truncatingIfNeeded: alert.rawValue), name: name))
        case GNUTLS_E_PREMATURE_TERMINATION, GNUTLS_E_UNEXPECTED_PACKET_LENGTH:
            // At the end of the input both mean that close_notify is missing.
            return transportEnded ? .truncated : .gnutls(GnuTLSError(code: result, operation: "TLS"))
        case GNUTLS_E_SESSION_USER_ID_CHANGED:
            return .laterExchange(.peerChanged)
        default:
            return .gnutls(GnuTLSError(code: result, operation: "TLS"))
        }
    }

    /// Whether the last pull found the end.
    var transportEnded = false
}

/// In the server's role, what is asked of clients.
package enum ClientCertificateDemand: Sendable, Hashable {
    /// No certificate is asked for.
    case ignored
    /// One is asked for; without one the handshake goes on.
    case requested
    /// One is asked for; without one the handshake fails.
    case required

    var request: gnutls_certificate_request_t {
        switch self {
        case .ignored: GNUTLS_CERT_IGNORE
        case .requested: GNUTLS_CERT_REQUEST
        case .required: GNUTLS_CERT_REQUIRE
        }
    }
}

extension gnutls_init_flags_t {
    var rawFlag: UInt32 { UInt32(rawValue) }
}

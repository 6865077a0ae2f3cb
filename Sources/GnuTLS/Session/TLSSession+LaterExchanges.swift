import CGnuTLS

/// Which exchange of handshake messages is under way, or was the last.
enum Activity {
    /// The first handshake.
    case handshake
    /// Post-handshake authentication under TLS 1.3 (RFC 8446 §4.6.2).
    case authentication
    /// Another handshake under TLS 1.2 (RFC 5246 §7.4.1.1), with secure renegotiation (RFC 5746).
    case renegotiation
}

/// What comes after the first handshake at the server's wish. A client begins nothing of its own.
///
/// A read that finds such a wish ends with ``Read/stepWanted``; the steps then are those of a handshake, and nothing is
/// read or written until they are done. Post-handshake authentication needs no verdict, since the peer has proved who it
/// is. Renegotiation needs a new one, on the same certificate.
extension TLSSession {
    /// How many such wishes of the peer are answered on one connection: each may cost a signature of the client's key.
    package static let laterExchangeLimit = 8
    /// How much data of the application may arrive before the answer to a server.
    private static let dataLimit = 1 << 18

    /// Whether a step may be the one that chooses a certificate *and* signs, so that the lane cannot be that of the
    /// choice.
    package var choosesWhileSigning: Bool { version != .v1_3 || activity == .authentication }

    /// Declines a wish to renegotiate, unless it may be answered.
    func answersRenegotiation() throws(TLSFailure) -> Bool {
        guard context.options.allowsRenegotiation, applicationProtocol != "h2",
            gnutls_safe_renegotiation_status(handle) != 0
        else {
            hasDeclinedRenegotiation = true
            gnutls_alert_send(handle, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION)
            return false
        }
        try beginAnswer(by: .renegotiation)
        return true
    }

    /// Takes up the peer's wish.
    func beginAnswer(by activity: Activity) throws(TLSFailure) {
        laterExchanges += 1
        if let obstacle { throw abandon(TLSFailure(.laterExchange(obstacle)), GNUTLS_E_UNEXPECTED_PACKET) }
        begin(activity)
        // The handshake that is over had the peer accepted.
        if activity == .authentication { verdict = .accepted } else { formerPeer = peerChain.first }
    }

    private var obstacle: LaterExchangeProblem? {
        if laterExchanges > Self.laterExchangeLimit { return .tooMany }
        if applicationProtocol == "h2" { return .forbiddenByHTTP2 }
        return hasSaidClose ? .outputClosed : nil
    }

    private func begin(_ activity: Activity) {
        self.activity = activity
        verdict = .none
        chosen = nil
        hasSigned = false
    }

    /// In the server's role, asks the client for a certificate now that the handshake is over.
    ///
    /// - Parameter demand: What is asked.
    /// - Returns: Whether the client can be asked; if so, step until that is done.
    package func requestAuthentication(_ demand: ClientCertificateDemand) throws(TLSFailure) -> Bool {
        if let failure { throw failure }
        gnutls_certificate_server_set_request(handle, demand.request)
        if version == .v1_3 {
            guard gnutls_session_get_flags(handle) & GNUTLS_SFLAGS_POST_HANDSHAKE_AUTH.rawValue != 0 else {
                return false
            }
            begin(.authentication)
        } else {
            guard gnutls_safe_renegotiation_status(handle) != 0 else { return false }
            begin(.renegotiation)
            let result = gnutls_rehandshake(handle)
            guard result >= 0 else { throw abandon(TLSFailure(describe(result)), result) }
        }
        return true
    }

    /// A step met a warning: the client's, that it does not renegotiate, ends the connection.
    func checkWarning() throws(TLSFailure) {
        guard activity == .renegotiation, gnutls_alert_get(handle) == GNUTLS_A_NO_RENEGOTIATION else { return }
        gnutls_alert_send(handle, GNUTLS_AL_FATAL, GNUTLS_A_HANDSHAKE_FAILURE)
        throw abandon(TLSFailure(describe(GNUTLS_E_FATAL_ALERT_RECEIVED)), GNUTLS_E_WARNING_ALERT_RECEIVED)
    }

    /// A step met data of the application: what a client had sent before it came upon the server's wish. GnuTLS wants it
    /// taken before it goes on. In a client it has given the renegotiation up by then, and could only begin anew.
    func holdData() throws(TLSFailure) {
        while case let size = gnutls_record_check_pending(handle), size > 0 {
            guard context.role == .server, heldData.count + size <= Self.dataLimit else {
                throw abandon(TLSFailure(.laterExchange(.dataMeanwhile)), GNUTLS_E_UNEXPECTED_PACKET)
            }
            var part = [UInt8](repeating: 0, count: size)
            let result = gnutls_record_recv(handle, &part, size)
            guard result > 0 else {
                let code = Int32(truncatingIfNeeded: result)
                throw abandon(TLSFailure(describe(code)), code)
            }
            heldData = heldData + part.prefix(result)
            fruitlessBytes = 0
        }
    }

    /// - Returns: How many bytes there were; they are read before all that came later.
    func takeHeldData(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let part = heldData.prefix(buffer.count)
        buffer.copyBytes(from: part)
        heldData = Array(heldData.dropFirst(part.count))
        return part.count
    }
}

import CGnuTLS
import SecretMemory

/// A session that a later connection to the same server may resume (RFC 8446 §2.2, RFC 5077, RFC 5246 §7.3), with what
/// the full handshake established: nothing of that is shown again.
package struct ResumableSession: Sendable {
    /// GnuTLS's own form of it. It holds the secret that the next connection's keys come from.
    let state: SecretBytes
    /// The version, which the resumed session has too.
    package let version: TLSVersion
    /// The server's chain as it was sent, to be judged anew before the session is offered.
    package let peerChain: [[UInt8]]
    /// What we showed to the server, and proved; nil in an anonymous session.
    package let shown: CertifiedKey?
    /// How long the server says that it accepts it; nil when it does not say.
    package let lifetime: Duration?

    /// Whether it may be offered more than once. Tickets of TLS 1.3 are not: whoever sees one twice could tell that the
    /// two connections are of one client (RFC 8446 §C.4).
    package var isReusable: Bool { version == .v1_2 }

    /// Whether both are one and the same.
    package func isSame(as other: ResumableSession) -> Bool { state === other.state }
}

extension TLSSession {
    /// What is known of a NewSessionTicket that has arrived.
    struct Ticket {
        /// Nil when TLS 1.2 leaves it unspecified.
        var lifetime: Duration?
    }

    /// What a resumed session takes over. Its secret is not among that: GnuTLS has it.
    struct Offer {
        let peerChain: [[UInt8]]
        let shown: CertifiedKey?
    }

    /// Offers `session` to the server, which may decline: then a full handshake is made. Before the first step.
    ///
    /// Alone, a session of TLS 1.2 comes without TLS 1.3 and the key for it, which would be made for nothing. A server that
    /// declines is then shown and given nothing: the handshake fails with ``TLSFailure/Kind/sessionDeclined``, and is to be
    /// made anew with all that can be offered, so that nobody is held to TLS 1.2 who speaks TLS 1.3 by now. For one that
    /// resumes see ``isHeldBack``.
    ///
    /// - Returns: Whether it is offered: GnuTLS may not be able to use it.
    @discardableResult
    package func offer(_ session: ResumableSession, alone: Bool = false) -> Bool {
        let result = session.state.withUnsafeBytes { gnutls_session_set_data(handle, $0.baseAddress, $0.count) }
        guard result >= 0 else { return false }
        offered = Offer(peerChain: session.peerChain, shown: session.shown)
        if alone, session.version == .v1_2, let priorities = try? context.prioritiesWithoutTLS13() {
            isOfferedAlone = gnutls_priority_set(handle, priorities.handle) >= 0
        }
        return true
    }

    /// The sessions that the server has given since the last call. TLS 1.2 gives at most one, in the handshake; TLS 1.3
    /// as many as it likes, which come with what is read.
    package func takeGivenSessions() -> [ResumableSession] {
        guard !given.isEmpty else { return [] }
        defer { given = [] }
        return given
    }

    /// What the peer was shown, in this handshake or in the one whose session was resumed.
    package var shown: CertifiedKey? {
        if gnutls_certificate_get_ours(handle) != nil { return chosen }
        return isResumed ? offered?.shown : nil
    }

    /// Whether the server's chain was accepted in this handshake; or was, as the caller promises, before the session was
    /// offered that is resumed now.
    var isPeerVerified: Bool {
        guard isResumed else { return isPeerAccepted }
        return offered.map { $0.peerChain == peerChain } ?? false
    }

    /// Whether the server says that it speaks TLS 1.3 by now, where the session that was resumed held both to TLS 1.2.
    package var isHeldBack: Bool { isResumed && isDowngraded }

    // MARK: The server

    static func makeTicketKey() throws(GnuTLSError) -> SecretBytes {
        try takingMemory("gnutls_session_ticket_key_generate", { gnutls_session_ticket_key_generate($0) }) {
            SecretBytes(copying: $0)
        }
    }

    func prepareTickets() throws(GnuTLSError) {
        if let key = context.ticketKey {
            let result = key.withUnsafeBytes { bytes in
                var datum = bytes.datum
                return gnutls_session_ticket_enable_server(handle, &datum)
            }
            try check(result, "gnutls_session_ticket_enable_server")
        }
    }

    // MARK: Tickets

    /// Both versions begin the message with the lifetime in seconds; zero leaves it open in TLS 1.2 (RFC 5077 §3.3), and
    /// forbids any use in TLS 1.3 (RFC 8446 §4.6.1).
    func ticketCame(_ body: UnsafeBufferPointer<UInt8>) {
        guard context.options.resumesSessions, body.count >= 4 else { return }
        let seconds = body.prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        ticket = Ticket(lifetime: seconds == 0 && version == .v1_2 ? nil : .seconds(seconds))
    }

    /// Each ticket takes the place of the one before in GnuTLS, so it is kept at once.
    func ticketWasRead() {
        guard version == .v1_3, let ticket else { return }
        self.ticket = nil
        if let lifetime = ticket.lifetime, lifetime > .zero { keepSession(lifetime: lifetime) }
    }

    /// In TLS 1.2 a session is whole when the handshake is: by a ticket, or by an identifier that the server gave it.
    func keepSessionOfTLS12() {
        guard context.role == .client, context.options.resumesSessions, version == .v1_2 else { return }
        var identifier = gnutls_datum_t()
        let isIdentified = gnutls_session_get_id2(handle, &identifier) == 0 && identifier.size > 0
        guard ticket != nil || isIdentified && !isResumed, !isHeldBack else { return }
        keepSession(lifetime: ticket?.lifetime)
        ticket = nil
    }

    private func keepSession(lifetime: Duration?) {
        guard let version else { return }
        let state: SecretBytes
        do {
            state = try takingMemory("gnutls_session_get_data2", { gnutls_session_get_data2(handle, $0) }) {
                SecretBytes(copying: $0)
            }
        } catch {
            // There is nothing to resume, which costs a full handshake and no more.
            return
        }
        // Four zero bytes are GnuTLS's way to say that there is no session.
        guard state.count > 4 else { return }
        let session = ResumableSession(
            state: state, version: version, peerChain: peerChain, shown: shown, lifetime: lifetime)
        given = given + [session]
    }
}

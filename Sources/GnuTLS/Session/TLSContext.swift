import CGnuTLS
import SecretMemory
import Synchronization

/// What many sessions share: the priorities and the credentials that call back for a certificate.
///
/// Making one parses the priorities; a session that shares it saves that time and 8 KiB.
package final class TLSContext: @unchecked Sendable {  // safe: written in init only, and read by GnuTLS
    package enum Role: Sendable, Hashable {
        case client
        case server
    }

    package let role: Role
    package let options: TLSOptions
    let priorities: Priorities
    private let prioritiesForTLS12 = Mutex<Priorities?>(nil)
    let credentials: gnutls_certificate_credentials_t
    /// What a server encrypts its tickets with.
    let ticketKey: SecretBytes?
    /// The certificates that peers have shown.
    package let certificates = KnownCertificates()

    /// - Parameters:
    ///   - acceptedIssuers: In the server's role, the certificates whose names a certificate request lists.
    ///   - group: In the client's role, the group that servers are expected to choose, by GnuTLS's name.
    /// - Throws: ``GnuTLSError`` when the priority string cannot be parsed.
    package init(
        role: Role, options: TLSOptions, acceptedIssuers: [Certificate] = [], group: String? = nil
    ) throws(GnuTLSError) {
        self.role = role
        self.options = options
        ticketKey = role == .server && options.resumesSessions ? try TLSSession.makeTicketKey() : nil

        priorities = try Priorities(options, isClient: role == .client, expecting: group)
        var credentials: gnutls_certificate_credentials_t?
        let result = gnutls_certificate_allocate_credentials(&credentials)
        guard let credentials else {
            throw GnuTLSError(code: result, operation: "gnutls_certificate_allocate_credentials")
        }
        self.credentials = credentials

        if !acceptedIssuers.isEmpty {
            var handles: [gnutls_x509_crt_t?] = acceptedIssuers.map { $0.handle }
            try check(
                gnutls_certificate_set_x509_trust(credentials, &handles, Int32(handles.count)),
                "gnutls_certificate_set_x509_trust")
        }
        // A certificate is chosen for each handshake, never bound to the credentials: gnutls_certificate_set_key would
        // ask the key for a trial signature.
        gnutls_certificate_set_retrieve_function3(credentials, retrieveCertificate)
    }

    deinit { gnutls_certificate_free_credentials(credentials) }

    /// Those of ``priorities`` that are left without TLS 1.3. Nil where that changes nothing, where the user's own string
    /// has a say in versions, and where another handshake may follow that knows nothing of the first.
    func prioritiesWithoutTLS13() throws(GnuTLSError) -> Priorities? {
        guard priorities.includesTLS13, options.minimumVersion < .v1_3, !options.allowsRenegotiation,
            options.priority?.uppercased().contains("VERS-") != true
        else { return nil }
        return try prioritiesForTLS12.withLock { (kept) throws(GnuTLSError) in
            if let kept { return kept }
            var options = options
            options.maximumVersion = .v1_2
            let made = try Priorities(options, isClient: true, expecting: nil)
            kept = made
            return made
        }
    }
}

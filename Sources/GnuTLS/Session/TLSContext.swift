import CGnuTLS
import SecretMemory

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
    let priority: gnutls_priority_t
    let credentials: gnutls_certificate_credentials_t
    /// What a server encrypts its tickets with.
    let ticketKey: SecretBytes?
    /// Whether a hello comes with a key for the first of its groups alone.
    let sharesOneKey: Bool
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

        let priority: gnutls_priority_t
        (priority, sharesOneKey) = try KeyShares.priority(options.priorityString) {
            role == .client ? options.groupOrder($0, expecting: group) : nil
        }
        var credentials: gnutls_certificate_credentials_t?
        let result = gnutls_certificate_allocate_credentials(&credentials)
        guard let credentials else {
            gnutls_priority_deinit(priority)
            throw GnuTLSError(code: result, operation: "gnutls_certificate_allocate_credentials")
        }
        self.priority = priority
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

    deinit {
        gnutls_certificate_free_credentials(credentials)
        gnutls_priority_deinit(priority)
    }
}

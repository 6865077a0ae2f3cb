import CGnuTLS

extension TLSSession {
    /// Whether the server stapled an OCSP response to its certificate (RFC 6066 §8).
    package var hasStaple: Bool {
        var response = gnutls_datum_t()
        return gnutls_ocsp_status_request_get2(handle, 0, &response) == 0 && response.size > 0
    }
}

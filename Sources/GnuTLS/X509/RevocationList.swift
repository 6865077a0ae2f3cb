internal import CGnuTLS

/// A certificate revocation list (RFC 5280 §5), with what is needed to see whether it still counts.
package struct RevocationList: Sendable, Hashable {
    package let der: [UInt8]
    /// In the form of RFC 4514.
    package let issuer: String
    /// When it was issued, in seconds since 1970 UTC.
    package let thisUpdate: Int64
    /// When the next one is due, in seconds since 1970 UTC; `nil` where the list does not say.
    package let nextUpdate: Int64?

    package init(der: [UInt8]) throws(GnuTLSError) {
        let operation = "reading a revocation list"
        let handle = try newHandle(operation) { gnutls_x509_crl_init($0) }
        defer { gnutls_x509_crl_deinit(handle) }
        try check(der.withDatum { gnutls_x509_crl_import(handle, $0, GNUTLS_X509_FMT_DER) }, operation)
        self.der = der
        issuer = printable(try takingBytes(operation) { gnutls_x509_crl_get_issuer_dn3(handle, $0, 0) })
        thisUpdate = Int64(gnutls_x509_crl_get_this_update(handle))
        let next = Int64(gnutls_x509_crl_get_next_update(handle))
        nextUpdate = next < 0 ? nil : next
    }

    /// All `X509 CRL` blocks of PEM text, which must hold one at least.
    package static func all(pem: [UInt8]) throws -> [RevocationList] {
        let blocks = try PEM.blocks(in: pem).filter { $0.label == "X509 CRL" }
        guard !blocks.isEmpty else { throw CertificateError.noneFound("X509 CRL") }
        return try blocks.map { block in
            let der = try block.contents(of: pem)
            do throws(GnuTLSError) { return try RevocationList(der: der) } catch {
                throw CertificateError.malformed(line: block.line, error)
            }
        }
    }

    package var pemEncoded: [UInt8] { PEM.encode(label: "X509 CRL", der: der) }
}

extension RevocationList {
    /// Makes a list: for tests and development authorities.
    ///
    /// - Parameters:
    ///   - revoked: Certificates of `issuer`.
    ///   - thisUpdate: In seconds since 1970 UTC.
    ///   - nextUpdate: In seconds since 1970 UTC.
    package static func sign(
        revoked: [Certificate], issuer: Certificate, key: PrivateKey, thisUpdate: Int64, nextUpdate: Int64
    ) throws(GnuTLSError) -> RevocationList {
        let operation = "making a revocation list"
        let handle = try newHandle(operation) { gnutls_x509_crl_init($0) }
        defer { gnutls_x509_crl_deinit(handle) }
        try check(gnutls_x509_crl_set_version(handle, 2), operation)
        try check(gnutls_x509_crl_set_this_update(handle, Int(thisUpdate)), operation)
        try check(gnutls_x509_crl_set_next_update(handle, Int(nextUpdate)), operation)
        for certificate in revoked {
            try check(gnutls_x509_crl_set_crt(handle, certificate.handle, Int(thisUpdate)), operation)
        }
        let number: [UInt8] = [1]
        try check(gnutls_x509_crl_set_number(handle, number, number.count), operation)
        let digest = try issuer.publicKey.preferredDigest()
        try check(gnutls_x509_crl_privkey_sign(handle, issuer.handle, key.handle, digest, 0), operation)
        return try RevocationList(
            der: try takingBytes(operation) { gnutls_x509_crl_export2(handle, GNUTLS_X509_FMT_DER, $0) })
    }
}

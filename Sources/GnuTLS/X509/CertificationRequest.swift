internal import CGnuTLS

/// Asks an authority for a certificate (PKCS#10, RFC 2986).
package enum CertificationRequest {
    /// Makes a request for a client's certificate, signed by the key that it is for, on a thread of the signer's lane.
    ///
    /// - Parameters:
    ///   - subject: The distinguished name in the form of RFC 4514.
    ///   - names: The alternative names.
    /// - Returns: The request in DER.
    /// - Throws: `DistinguishedName.Malformed`; ``GnuTLSError``; what the signer throws.
    package static func make(
        subject: String, names: AlternativeNames = AlternativeNames(), signer: any ExternalSigner
    ) throws -> [UInt8] {
        let handle = try newHandle("making a request") { gnutls_x509_crq_init($0) }
        defer { gnutls_x509_crq_deinit(handle) }
        try check(gnutls_x509_crq_set_version(handle, 1), "setting the version")
        try DistinguishedName.check(subject)
        try check(gnutls_x509_crq_set_dn(handle, subject, nil), "setting the subject")
        try check(gnutls_x509_crq_set_pubkey(handle, signer.publicKey.handle), "setting the public key")
        try check(
            gnutls_x509_crq_set_key_usage(handle, KeyUsage.digitalSignature.rawValue), "setting the key usage")
        try check(
            gnutls_x509_crq_set_key_purpose_oid(handle, KeyPurpose.clientAuth, 0), "setting the extended key usage")
        if !names.isEmpty {
            var der = names.der
            try check(
                gnutls_x509_crq_set_extension_by_oid(
                    handle, AlternativeNames.oid, &der, der.count, subject.isEmpty ? 1 : 0),
                "setting the subject alternative name")
        }
        let digest = try signer.publicKey.preferredDigest()
        try ExternalKeyHandle.with(signer) { (key) throws(GnuTLSError) in
            _ = try check(gnutls_x509_crq_privkey_sign(handle, key, digest, 0), "signing a request")
        }
        try check(gnutls_x509_crq_verify(handle, 0), "verifying a request")
        return try takingBytes("writing a request") { gnutls_x509_crq_export2(handle, GNUTLS_X509_FMT_DER, $0) }
    }

    /// The request as a PEM block, in ASCII.
    package static func pem(_ der: [UInt8]) -> [UInt8] { PEM.encode(label: "CERTIFICATE REQUEST", der: der) }
}

/// Distinguished names as text.
package enum DistinguishedName {
    /// What ``check(_:)`` throws.
    package struct Malformed: Error, Sendable, CustomStringConvertible {
        package let description: String
    }

    /// Sees to it that `text` has the form of RFC 4514.
    ///
    /// - Throws: ``Malformed``, or a ``GnuTLSError``.
    package static func check(_ text: String) throws {
        let scratch = try newHandle("reading a name") { gnutls_x509_crq_init($0) }
        defer { gnutls_x509_crq_deinit(scratch) }
        guard gnutls_x509_crq_set_dn(scratch, text, nil) < 0 else { return }
        throw Malformed(
            description: "\"\(printable(text.utf8))\" is not a distinguished name such as CN=alice,O=Example (RFC 4514)"
        )
    }
}

internal import CGnuTLS
#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// Makes certificates: those of tests and of development authorities. The subject's key may live anywhere, only the
/// issuer's signs.
package struct CertificateBuilder: Sendable {
    /// One attribute of a distinguished name.
    package struct NameAttribute: Sendable, Hashable {
        package let oid: String
        package let value: String

        package init(oid: String, value: String) {
            self.oid = oid
            self.value = value
        }

        package static func commonName(_ value: String) -> Self { Self(oid: "2.5.4.3", value: value) }
        package static func organization(_ value: String) -> Self { Self(oid: "2.5.4.10", value: value) }
        package static func organizationalUnit(_ value: String) -> Self { Self(oid: "2.5.4.11", value: value) }
    }

    package var subject: [NameAttribute]
    /// The subject in the form of RFC 4514, in place of ``subject``.
    package var subjectText: String?
    /// Most significant byte first; sixteen random bytes when nil.
    package var serialNumber: [UInt8]?
    /// In seconds since 1970 UTC; an hour ago unless set.
    package var notBefore: Int64
    /// In seconds since 1970 UTC; in a day unless set.
    package var notAfter: Int64
    package var alternativeNames = AlternativeNames()
    package var isCA = false
    /// For authorities: how many intermediates may stand below; any number when nil.
    package var pathLength: Int?
    package var keyUsage: KeyUsage?
    package var extendedKeyUsages: [String] = []
    package var publicKey: PublicKey
    /// Signs with SHA-1, which nobody should accept, in place of the hash that fits the issuer's key.
    package var usesSHA1 = false

    package var dnsNames: [String] {
        get { alternativeNames.dns }
        set { alternativeNames.dns = newValue }
    }
    package var ipAddresses: [[UInt8]] {
        get { alternativeNames.addresses }
        set { alternativeNames.addresses = newValue }
    }

    package init(subject: [NameAttribute], publicKey: PublicKey) {
        self.subject = subject
        self.publicKey = publicKey
        let now = Int64(time(nil))
        notBefore = now - 3600
        notAfter = now + 86_400
    }

    /// Signs the certificate.
    ///
    /// - Parameters:
    ///   - issuer: The authority's certificate; nil makes the certificate its own issuer.
    ///   - key: The key of `issuer`, or of the certificate itself.
    package func sign(issuer: Certificate?, key: PrivateKey) throws(GnuTLSError) -> Certificate {
        try sign(issuer: issuer, handle: key.handle)
    }

    /// Makes the certificate its own issuer, signed by the key that it is for, on a thread of the signer's lane.
    ///
    /// - Throws: ``GnuTLSError``; what the signer throws.
    package func sign(by signer: any ExternalSigner) throws -> Certificate {
        try ExternalKeyHandle.with(signer) { (key) throws(GnuTLSError) in try sign(issuer: nil, handle: key) }
    }

    private func sign(issuer: Certificate?, handle key: gnutls_privkey_t) throws(GnuTLSError) -> Certificate {
        let handle = try newHandle("making a certificate") { gnutls_x509_crt_init($0) }
        defer { gnutls_x509_crt_deinit(handle) }
        try fill(handle)
        let issuerKey = issuer?.publicKey ?? publicKey
        try authorityKeyID(handle, issuer, issuerKey)
        let digest = usesSHA1 ? GNUTLS_DIG_SHA1 : try issuerKey.preferredDigest()
        try check(
            gnutls_x509_crt_privkey_sign(handle, issuer?.handle ?? handle, key, digest, 0),
            "signing a certificate")
        let der = try takingBytes("writing a certificate") { gnutls_x509_crt_export2(handle, GNUTLS_X509_FMT_DER, $0) }
        return try Certificate(der: der)
    }

    private func fill(_ handle: gnutls_x509_crt_t) throws(GnuTLSError) {
        try check(gnutls_x509_crt_set_version(handle, 3), "setting the version")
        let serial: [UInt8]
        if let serialNumber { serial = serialNumber } else { serial = try Self.randomSerialNumber() }
        try check(gnutls_x509_crt_set_serial(handle, serial, serial.count), "setting the serial number")
        try check(gnutls_x509_crt_set_activation_time(handle, time_t(notBefore)), "setting the first date")
        try check(gnutls_x509_crt_set_expiration_time(handle, time_t(notAfter)), "setting the last date")
        if let subjectText {
            try check(gnutls_x509_crt_set_dn(handle, subjectText, nil), "setting the subject")
        }
        for attribute in subject where subjectText == nil {
            let value = Array(attribute.value.utf8)
            try check(
                gnutls_x509_crt_set_dn_by_oid(handle, attribute.oid, 0, value, UInt32(value.count)),
                "setting the subject")
        }
        try check(gnutls_x509_crt_set_pubkey(handle, publicKey.handle), "setting the public key")
        let pathLength = Int32(clamping: pathLength ?? -1)
        try check(
            gnutls_x509_crt_set_basic_constraints(handle, isCA ? 1 : 0, isCA ? pathLength : -1),
            "setting the basic constraints")
        if let keyUsage { try check(gnutls_x509_crt_set_key_usage(handle, keyUsage.rawValue), "setting the key usage") }
        for purpose in extendedKeyUsages {
            try check(gnutls_x509_crt_set_key_purpose_oid(handle, purpose, 0), "setting the extended key usage")
        }
        if !alternativeNames.isEmpty {
            let names = alternativeNames.der
            try check(
                gnutls_x509_crt_set_extension_by_oid(
                    handle, AlternativeNames.oid, names, names.count, hasSubject ? 0 : 1),
                "setting the subject alternative name")
        }
        let keyID = try Self.keyID(publicKey)
        try check(gnutls_x509_crt_set_subject_key_id(handle, keyID, keyID.count), "setting the subject key identifier")
    }

    private var hasSubject: Bool { subjectText.map { !$0.isEmpty } ?? !subject.isEmpty }

    private func authorityKeyID(
        _ handle: gnutls_x509_crt_t, _ issuer: Certificate?, _ issuerKey: PublicKey
    ) throws(GnuTLSError) {
        var keyID = try Self.keyID(issuerKey)
        if let issuer,
            let named = try? fillingBytes(
                "",
                {
                    gnutls_x509_crt_get_subject_key_id(issuer.handle, $0, $1, nil)
                })
        {
            keyID = named
        }
        try check(
            gnutls_x509_crt_set_authority_key_id(handle, keyID, keyID.count), "setting the authority key identifier")
    }

    private static func keyID(_ key: PublicKey) throws(GnuTLSError) -> [UInt8] {
        try fillingBytes("hashing a public key") { gnutls_pubkey_get_key_id(key.handle, 0, $0, $1) }
    }

    private static func randomSerialNumber() throws(GnuTLSError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 16)
        try check(gnutls_rnd(GNUTLS_RND_NONCE, &bytes, bytes.count), "making a serial number")
        bytes[0] = bytes[0] & 0x3f | 0x40  // positive, and always sixteen bytes long
        return bytes
    }
}

extension PublicKey {
    /// The hash to sign certificates and revocation lists with.
    func preferredDigest() throws(GnuTLSError) -> gnutls_digest_algorithm_t {
        var digest = GNUTLS_DIG_SHA256
        try check(gnutls_pubkey_get_preferred_hash_algorithm(handle, &digest, nil), "choosing a hash")
        return digest
    }
}

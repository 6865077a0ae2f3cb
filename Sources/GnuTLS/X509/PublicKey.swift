internal import CGnuTLS

/// The public half of a key, as certificates carry it.
///
/// Two keys are equal when their SubjectPublicKeyInfo is the same, byte for byte. The value is immutable and may be
/// used by many threads at once.
public final class PublicKey: @unchecked Sendable {  // safe: GnuTLS only reads the handle after init
    /// What a key can be used for.
    public enum Algorithm: Sendable, Hashable {
        /// RSA for any padding.
        case rsa
        /// RSA restricted to RSASSA-PSS.
        case rsaPSS
        /// ECDSA on a curve.
        case ecdsa(Curve)
        /// EdDSA on Curve25519.
        case ed25519
        /// EdDSA on Curve448.
        case ed448
        /// Something that TLS cannot sign with, by GnuTLS's name.
        case other(String)
    }

    /// A curve of NIST that TLS signs with.
    public enum Curve: String, Sendable, Hashable, CaseIterable {
        /// secp256r1.
        case p256
        /// secp384r1.
        case p384
        /// secp521r1.
        case p521
    }

    /// What the key can be used for.
    public let algorithm: Algorithm
    /// The length of the RSA modulus, or of the curve's field, in bits.
    public let bits: Int
    /// The SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) in DER.
    public let spkiDER: [UInt8]
    let handle: gnutls_pubkey_t

    /// Takes what `fill` puts into a new handle.
    init(
        _ operation: String = "reading a public key", filledBy fill: (gnutls_pubkey_t) -> Int32
    ) throws(GnuTLSError) {
        let handle = try newHandle(operation) { gnutls_pubkey_init($0) }
        do throws(GnuTLSError) {
            try check(fill(handle), operation)
            try check(gnutls_pubkey_verify_params(handle), operation)
            spkiDER = try takingBytes(operation) { gnutls_pubkey_export2(handle, GNUTLS_X509_FMT_DER, $0) }
        } catch {
            gnutls_pubkey_deinit(handle)
            throw error
        }
        var bits: UInt32 = 0
        algorithm = Self.algorithm(of: handle, &bits)
        self.bits = Int(bits)
        self.handle = handle
    }

    deinit { gnutls_pubkey_deinit(handle) }

    /// Reads a SubjectPublicKeyInfo.
    package convenience init(spkiDER: [UInt8]) throws(GnuTLSError) {
        try self.init { key in spkiDER.withDatum { gnutls_pubkey_import(key, $0, GNUTLS_X509_FMT_DER) } }
    }

    /// An RSA key from its two numbers, most significant byte first, as PKCS#11 tokens give them.
    package convenience init(rsaModulus modulus: [UInt8], exponent: [UInt8]) throws(GnuTLSError) {
        try self.init { key in
            modulus.withDatum { modulus in
                exponent.withDatum { gnutls_pubkey_import_rsa_raw(key, modulus, $0) }
            }
        }
    }

    /// An ECDSA key from its point in the uncompressed form of SEC 1 §2.3.3: 04, x, y.
    package convenience init(curve: Curve, point: [UInt8]) throws(GnuTLSError) {
        let length = curve.byteCount
        guard point.count == 1 + 2 * length, point[0] == 4 else {
            throw GnuTLSError(code: GNUTLS_E_PARSING_ERROR, operation: "reading a point on \(curve)")
        }
        let x = Array(point[1...length])
        let y = Array(point[(1 + length)...])
        try self.init("reading a point on \(curve)") { key in
            x.withDatum { x in y.withDatum { gnutls_pubkey_import_ecc_raw(key, curve.identifier, x, $0) } }
        }
    }

    /// An Ed25519 key from its 32 bytes (RFC 8032 §5.1.5).
    package convenience init(ed25519 bytes: [UInt8]) throws(GnuTLSError) {
        try self.init { key in
            bytes.withDatum { gnutls_pubkey_import_ecc_raw(key, GNUTLS_ECC_CURVE_ED25519, $0, nil) }
        }
    }

    /// The SHA-256 of ``spkiDER``: what public key pins are made of (RFC 7469 §2.4).
    package func keyID() throws(GnuTLSError) -> [UInt8] { try HashAlgorithm.sha256.hash(of: spkiDER) }
}

extension PublicKey {
    /// Whether `signature` is this key's, in `scheme`, over `message`. False also where key and scheme do not fit.
    /// ECDSA signatures are DER, as in TLS. RSASSA-PSS demands a salt as long as the hash (RFC 8446 §4.2.3).
    package func verify(_ signature: [UInt8], of message: [UInt8], scheme: SignatureScheme) -> Bool {
        guard schemes.contains(scheme) else { return false }
        return signature.withDatum { signature in
            message.withDatum {
                gnutls_pubkey_verify_data2(handle, scheme.algorithm, scheme.verifyFlags, $0, signature) >= 0
            }
        }
    }

    /// Whether this key signed the certificate.
    func hasSigned(_ profile: CertificateProfile) -> Bool {
        hasSigned(Array(profile.signed), Array(profile.signature), profile.certificate.signatureIdentifier)
    }

    /// Whether `signature` over `bytes`, of a certificate, a list or a response, is this key's.
    func hasSigned(_ bytes: [UInt8], _ signature: [UInt8], _ algorithm: gnutls_sign_algorithm_t) -> Bool {
        signature.withDatum { signature in
            bytes.withDatum { gnutls_pubkey_verify_data2(handle, algorithm, 0, $0, signature) >= 0 }
        }
    }

    /// The same where only the hash of the message is at hand. Always false for EdDSA, which signs no hash.
    package func verify(_ signature: [UInt8], ofHash hash: [UInt8], scheme: SignatureScheme) -> Bool {
        guard schemes.contains(scheme), hash.count == scheme.hash?.byteCount else { return false }
        return signature.withDatum { signature in
            hash.withDatum {
                gnutls_pubkey_verify_hash2(handle, scheme.algorithm, scheme.verifyFlags, $0, signature) >= 0
            }
        }
    }

    /// The schemes that a key like this can sign with in TLS 1.2 or 1.3, the best first. For ECDSA only the first is
    /// for TLS 1.3. An RSA key must be long enough for the salt and the hash (RFC 8017 §9.1.1).
    package var schemes: [SignatureScheme] {
        switch algorithm {
        case .rsa:
            [.rsaPSSRSAESHA256, .rsaPSSRSAESHA384, .rsaPSSRSAESHA512].filter(fits) + [
                .rsaPKCS1SHA256, .rsaPKCS1SHA384, .rsaPKCS1SHA512,
            ]
        case .rsaPSS: [.rsaPSSPSSSHA256, .rsaPSSPSSSHA384, .rsaPSSPSSSHA512].filter(fits)
        case .ecdsa(.p256): [.ecdsaSECP256R1SHA256, .ecdsaSECP384R1SHA384, .ecdsaSECP521R1SHA512]
        case .ecdsa(.p384): [.ecdsaSECP384R1SHA384, .ecdsaSECP256R1SHA256, .ecdsaSECP521R1SHA512]
        case .ecdsa(.p521): [.ecdsaSECP521R1SHA512, .ecdsaSECP256R1SHA256, .ecdsaSECP384R1SHA384]
        case .ed25519: [.ed25519]
        case .ed448: [.ed448]
        case .other: []
        }
    }

    private func fits(_ scheme: SignatureScheme) -> Bool {
        (bits + 6) / 8 >= 2 * (scheme.hash?.byteCount ?? 0) + 2
    }

    private static func algorithm(of handle: gnutls_pubkey_t, _ bits: inout UInt32) -> Algorithm {
        let number = gnutls_pubkey_get_pk_algorithm(handle, &bits)
        let algorithm = gnutls_pk_algorithm_t(UInt32(clamping: number))
        switch algorithm {
        case GNUTLS_PK_RSA: return .rsa
        case GNUTLS_PK_RSA_PSS: return .rsaPSS
        case GNUTLS_PK_EDDSA_ED25519: return .ed25519
        case GNUTLS_PK_EDDSA_ED448: return .ed448
        case GNUTLS_PK_ECDSA:
            var identifier = GNUTLS_ECC_CURVE_INVALID
            gnutls_pubkey_export_ecc_raw2(handle, &identifier, nil, nil, 0)
            if let curve = Curve.allCases.first(where: { $0.identifier == identifier }) { return .ecdsa(curve) }
            return .other(gnutls_ecc_curve_get_name(identifier).map { String(cString: $0) } ?? "unknown curve")
        default: return .other(gnutls_pk_get_name(algorithm).map { String(cString: $0) } ?? "unknown")
        }
    }
}

extension PublicKey: Hashable {
    /// Compares what the keys are, not where they came from.
    public static func == (left: PublicKey, right: PublicKey) -> Bool { left.spkiDER == right.spkiDER }
    /// Hashes what the key is.
    public func hash(into hasher: inout Hasher) { hasher.combine(bytes: spkiDER) }
}

extension PublicKey.Curve {
    /// How many bytes a coordinate has.
    package var byteCount: Int {
        switch self {
        case .p256: 32
        case .p384: 48
        case .p521: 66
        }
    }

    var identifier: gnutls_ecc_curve_t {
        switch self {
        case .p256: GNUTLS_ECC_CURVE_SECP256R1
        case .p384: GNUTLS_ECC_CURVE_SECP384R1
        case .p521: GNUTLS_ECC_CURVE_SECP521R1
        }
    }
}

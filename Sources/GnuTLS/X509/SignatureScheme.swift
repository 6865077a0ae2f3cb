internal import CGnuTLS

/// A way to sign in TLS: the names and numbers of RFC 8446 §4.2.3.
///
/// TLS 1.2 has the same numbers, where those of ECDSA name the hash alone and leave the curve to the certificate.
public enum SignatureScheme: UInt16, Sendable, Hashable, CaseIterable {
    /// RSASSA-PKCS1-v1_5 with SHA-256: in handshakes TLS 1.2 only.
    case rsaPKCS1SHA256 = 0x0401
    /// RSASSA-PKCS1-v1_5 with SHA-384: in handshakes TLS 1.2 only.
    case rsaPKCS1SHA384 = 0x0501
    /// RSASSA-PKCS1-v1_5 with SHA-512: in handshakes TLS 1.2 only.
    case rsaPKCS1SHA512 = 0x0601
    /// ECDSA with SHA-256, in TLS 1.3 on P-256 alone.
    case ecdsaSECP256R1SHA256 = 0x0403
    /// ECDSA with SHA-384, in TLS 1.3 on P-384 alone.
    case ecdsaSECP384R1SHA384 = 0x0503
    /// ECDSA with SHA-512, in TLS 1.3 on P-521 alone.
    case ecdsaSECP521R1SHA512 = 0x0603
    /// RSASSA-PSS with SHA-256 by an ordinary RSA key.
    case rsaPSSRSAESHA256 = 0x0804
    /// RSASSA-PSS with SHA-384 by an ordinary RSA key.
    case rsaPSSRSAESHA384 = 0x0805
    /// RSASSA-PSS with SHA-512 by an ordinary RSA key.
    case rsaPSSRSAESHA512 = 0x0806
    /// EdDSA on Curve25519, over the message itself.
    case ed25519 = 0x0807
    /// EdDSA on Curve448, over the message itself.
    case ed448 = 0x0808
    /// RSASSA-PSS with SHA-256 by a key that the certificate restricts to RSASSA-PSS.
    case rsaPSSPSSSHA256 = 0x0809
    /// RSASSA-PSS with SHA-384 by a key that the certificate restricts to RSASSA-PSS.
    case rsaPSSPSSSHA384 = 0x080a
    /// RSASSA-PSS with SHA-512 by a key that the certificate restricts to RSASSA-PSS.
    case rsaPSSPSSSHA512 = 0x080b

    /// The hash that is signed; `nil` for EdDSA, which signs the message itself.
    public var hash: HashAlgorithm? {
        switch self {
        case .rsaPKCS1SHA256, .ecdsaSECP256R1SHA256, .rsaPSSRSAESHA256, .rsaPSSPSSSHA256: .sha256
        case .rsaPKCS1SHA384, .ecdsaSECP384R1SHA384, .rsaPSSRSAESHA384, .rsaPSSPSSSHA384: .sha384
        case .rsaPKCS1SHA512, .ecdsaSECP521R1SHA512, .rsaPSSRSAESHA512, .rsaPSSPSSSHA512: .sha512
        case .ed25519, .ed448: nil
        }
    }

    /// Whether it is RSASSA-PKCS1-v1_5, which TLS 1.3 no longer signs handshakes with.
    public var isRSAPKCS1: Bool {
        switch self {
        case .rsaPKCS1SHA256, .rsaPKCS1SHA384, .rsaPKCS1SHA512: true
        default: false
        }
    }

    /// Whether it is one of the six RSASSA-PSS schemes, whose salt is as long as the hash.
    public var isRSAPSS: Bool {
        switch self {
        case .rsaPSSRSAESHA256, .rsaPSSRSAESHA384, .rsaPSSRSAESHA512: true
        case .rsaPSSPSSSHA256, .rsaPSSPSSSHA384, .rsaPSSPSSSHA512: true
        default: false
        }
    }
}

extension SignatureScheme {
    /// For ECDSA the algorithm that leaves the curve open, as TLS 1.2 and certificates do.
    var algorithm: gnutls_sign_algorithm_t {
        switch self {
        case .rsaPKCS1SHA256: GNUTLS_SIGN_RSA_SHA256
        case .rsaPKCS1SHA384: GNUTLS_SIGN_RSA_SHA384
        case .rsaPKCS1SHA512: GNUTLS_SIGN_RSA_SHA512
        case .ecdsaSECP256R1SHA256: GNUTLS_SIGN_ECDSA_SHA256
        case .ecdsaSECP384R1SHA384: GNUTLS_SIGN_ECDSA_SHA384
        case .ecdsaSECP521R1SHA512: GNUTLS_SIGN_ECDSA_SHA512
        case .rsaPSSRSAESHA256: GNUTLS_SIGN_RSA_PSS_RSAE_SHA256
        case .rsaPSSRSAESHA384: GNUTLS_SIGN_RSA_PSS_RSAE_SHA384
        case .rsaPSSRSAESHA512: GNUTLS_SIGN_RSA_PSS_RSAE_SHA512
        case .rsaPSSPSSSHA256: GNUTLS_SIGN_RSA_PSS_SHA256
        case .rsaPSSPSSSHA384: GNUTLS_SIGN_RSA_PSS_SHA384
        case .rsaPSSPSSSHA512: GNUTLS_SIGN_RSA_PSS_SHA512
        case .ed25519: GNUTLS_SIGN_EDDSA_ED25519
        case .ed448: GNUTLS_SIGN_EDDSA_ED448
        }
    }

    /// Without these GnuTLS takes any length of salt, and makes a shorter one where the key is too short.
    var verifyFlags: UInt32 { isRSAPSS ? GNUTLS_VERIFY_RSA_PSS_FIXED_SALT_LENGTH.rawValue : 0 }
    var signFlags: UInt32 { isRSAPSS ? GNUTLS_PRIVKEY_FLAG_RSA_PSS_FIXED_SALT_LENGTH.rawValue : 0 }

    /// The scheme for an algorithm with or without a curve; `nil` for what TLS 1.2 and 1.3 should no longer see, and
    /// for `GNUTLS_SIGN_RSA_RAW`, whose hash is known only to the DigestInfo that is signed.
    init?(_ algorithm: gnutls_sign_algorithm_t) {
        switch algorithm {
        case GNUTLS_SIGN_ECDSA_SECP256R1_SHA256: self = .ecdsaSECP256R1SHA256
        case GNUTLS_SIGN_ECDSA_SECP384R1_SHA384: self = .ecdsaSECP384R1SHA384
        case GNUTLS_SIGN_ECDSA_SECP521R1_SHA512: self = .ecdsaSECP521R1SHA512
        default:
            guard let scheme = Self.allCases.first(where: { $0.algorithm == algorithm }) else { return nil }
            self = scheme
        }
    }
}

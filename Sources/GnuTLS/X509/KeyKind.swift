internal import CGnuTLS

/// A kind of key that can be made.
public enum KeyKind: Sendable, Hashable {
    /// RSA with a modulus of so many bits; less than 2048 is weak and made only for tests.
    case rsa(bits: Int)
    /// RSA that the key itself restricts to RSASSA-PSS.
    case rsaPSS(bits: Int)
    /// ECDSA on P-256.
    case ecdsaP256
    /// ECDSA on P-384.
    case ecdsaP384
    /// ECDSA on P-521.
    case ecdsaP521
    /// EdDSA on Curve25519.
    case ed25519
    /// EdDSA on Curve448.
    case ed448
}

extension KeyKind {
    /// GnuTLS tells a curve from a count of bits by the highest bit (its macro `GNUTLS_CURVE_TO_BITS`).
    var parameters: (algorithm: gnutls_pk_algorithm_t, bits: UInt32) {
        func curve(_ curve: gnutls_ecc_curve_t) -> UInt32 { 1 << 31 | curve.rawValue }
        return switch self {
        case .rsa(let bits): (GNUTLS_PK_RSA, UInt32(clamping: bits) & ~(1 << 31))
        case .rsaPSS(let bits): (GNUTLS_PK_RSA_PSS, UInt32(clamping: bits) & ~(1 << 31))
        case .ecdsaP256: (GNUTLS_PK_ECDSA, curve(GNUTLS_ECC_CURVE_SECP256R1))
        case .ecdsaP384: (GNUTLS_PK_ECDSA, curve(GNUTLS_ECC_CURVE_SECP384R1))
        case .ecdsaP521: (GNUTLS_PK_ECDSA, curve(GNUTLS_ECC_CURVE_SECP521R1))
        case .ed25519: (GNUTLS_PK_EDDSA_ED25519, curve(GNUTLS_ECC_CURVE_ED25519))
        case .ed448: (GNUTLS_PK_EDDSA_ED448, curve(GNUTLS_ECC_CURVE_ED448))
        }
    }
}

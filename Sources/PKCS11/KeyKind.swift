import CP11Kit
package import SecretMemory

/// A kind of key pair that a token can be asked to make.
package enum KeyKind: Sendable, Hashable {
    case rsa(bits: Int)
    case ecP256, ecP384, ecP521, ed25519

    var mechanism: CK_MECHANISM_TYPE {
        switch self {
        case .rsa: CKM_RSA_PKCS_KEY_PAIR_GEN
        case .ecP256, .ecP384, .ecP521: CKM_EC_KEY_PAIR_GEN
        case .ed25519: CKM_EC_EDWARDS_KEY_PAIR_GEN
        }
    }

    var keyType: KeyInfo.KeyType {
        switch self {
        case .rsa: .rsa
        case .ecP256, .ecP384, .ecP521: .ec
        case .ed25519: .edwards
        }
    }

    /// The curve as DER of an OBJECT IDENTIFIER (RFC 5480 §2.1.1.1, RFC 8410 §3), nil for RSA. It is also what modules
    /// want for Ed25519, where PKCS#11 3.0 would have the curve's name.
    package var parameters: [UInt8]? {
        switch self {
        case .rsa: nil
        case .ecP256: [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07]
        case .ecP384: [0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x22]
        case .ecP521: [0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x23]
        case .ed25519: [0x06, 0x03, 0x2B, 0x65, 0x70]
        }
    }

    /// What the template of the public key says of the kind.
    var publicTemplate: [Attribute] {
        if case .rsa(let bits) = self {
            return [
                Attribute(CKA_MODULUS_BITS, number: UInt(bits)), Attribute(CKA_PUBLIC_EXPONENT, [0x01, 0x00, 0x01]),
            ]
        }
        return parameters.map { [Attribute(CKA_EC_PARAMS, $0)] } ?? []
    }
}

/// A private key, taken apart for a token. Numbers are unsigned, most significant byte first.
package enum PrivateKeyComponents: Sendable {
    case rsa(
        modulus: [UInt8], publicExponent: [UInt8], privateExponent: SecretBytes, prime1: SecretBytes,
        prime2: SecretBytes, exponent1: SecretBytes, exponent2: SecretBytes, coefficient: SecretBytes)
    /// The curve as DER of `ECParameters`, the uncompressed point, and the scalar.
    case ec(parameters: [UInt8], point: [UInt8], scalar: SecretBytes)

    var publicTemplate: [Attribute] {
        switch self {
        case .rsa(let modulus, let publicExponent, _, _, _, _, _, _):
            [
                Attribute(CKA_KEY_TYPE, number: CKK_RSA), Attribute(CKA_MODULUS, modulus),
                Attribute(CKA_PUBLIC_EXPONENT, publicExponent),
            ]
        case .ec(let parameters, let point, _):
            [
                Attribute(CKA_KEY_TYPE, number: CKK_EC), Attribute(CKA_EC_PARAMS, parameters),
                Attribute(CKA_EC_POINT, Self.octetString(point)),
            ]
        }
    }

    var privateTemplate: [Attribute] {
        switch self {
        case .rsa(let modulus, let publicExponent, let d, let p, let q, let dP, let dQ, let qInv):
            [
                Attribute(CKA_KEY_TYPE, number: CKK_RSA), Attribute(CKA_MODULUS, modulus),
                Attribute(CKA_PUBLIC_EXPONENT, publicExponent), Attribute(CKA_PRIVATE_EXPONENT, d),
                Attribute(CKA_PRIME_1, p), Attribute(CKA_PRIME_2, q), Attribute(CKA_EXPONENT_1, dP),
                Attribute(CKA_EXPONENT_2, dQ), Attribute(CKA_COEFFICIENT, qInv),
            ]
        case .ec(let parameters, _, let scalar):
            [
                Attribute(CKA_KEY_TYPE, number: CKK_EC), Attribute(CKA_EC_PARAMS, parameters),
                Attribute(CKA_VALUE, scalar),
            ]
        }
    }

    /// The longest point, P-521's, has 133 bytes: a length in two bytes does.
    private static func octetString(_ bytes: [UInt8]) -> [UInt8] {
        (bytes.count < 0x80 ? [0x04, UInt8(bytes.count)] : [0x04, 0x81, UInt8(truncatingIfNeeded: bytes.count)]) + bytes
    }
}

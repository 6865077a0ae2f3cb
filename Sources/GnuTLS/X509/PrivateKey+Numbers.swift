import CGnuTLS
package import SecretMemory

extension PrivateKey {
    /// The numbers that a key consists of, unsigned, most significant byte first.
    package enum Numbers: Sendable {
        case rsa(
            modulus: [UInt8], publicExponent: [UInt8], privateExponent: SecretBytes, prime1: SecretBytes,
            prime2: SecretBytes, exponent1: SecretBytes, exponent2: SecretBytes, coefficient: SecretBytes)
        /// The point in the uncompressed form of SEC 1 §2.3.3.
        case ec(curve: PublicKey.Curve, point: [UInt8], scalar: SecretBytes)
    }

    /// Takes the key apart, to put it into a token.
    ///
    /// - Throws: For keys that are neither RSA nor on a curve of NIST.
    package func numbers() throws(GnuTLSError) -> Numbers {
        switch publicKey.algorithm {
        case .rsa, .rsaPSS: try rsaNumbers()
        case .ecdsa(let curve): try ecNumbers(curve)
        case .ed25519, .ed448, .other:
            throw GnuTLSError(code: GNUTLS_E_UNIMPLEMENTED_FEATURE, operation: "taking a key apart")
        }
    }

    private func rsaNumbers() throws(GnuTLSError) -> Numbers {
        var parts = [gnutls_datum_t](repeating: gnutls_datum_t(), count: 8)
        defer { Self.release(&parts) }
        let result = parts.withUnsafeMutableBufferPointer { part in
            let first = part.baseAddress
            return gnutls_privkey_export_rsa_raw2(
                handle, first, first?.advanced(by: 1), first?.advanced(by: 2), first?.advanced(by: 3),
                first?.advanced(by: 4), first?.advanced(by: 5), first?.advanced(by: 6), first?.advanced(by: 7),
                UInt32(GNUTLS_EXPORT_FLAG_NO_LZ.rawValue))
        }
        try check(result, "taking an RSA key apart")
        return .rsa(
            modulus: Self.bytes(parts[0]), publicExponent: Self.bytes(parts[1]), privateExponent: Self.secret(parts[2]),
            prime1: Self.secret(parts[3]), prime2: Self.secret(parts[4]), exponent1: Self.secret(parts[6]),
            exponent2: Self.secret(parts[7]), coefficient: Self.secret(parts[5]))
    }

    private func ecNumbers(_ curve: PublicKey.Curve) throws(GnuTLSError) -> Numbers {
        var parts = [gnutls_datum_t](repeating: gnutls_datum_t(), count: 3)
        defer { Self.release(&parts) }
        var identifier = GNUTLS_ECC_CURVE_INVALID
        let result = parts.withUnsafeMutableBufferPointer { part in
            let first = part.baseAddress
            return gnutls_privkey_export_ecc_raw2(
                handle, &identifier, first, first?.advanced(by: 1), first?.advanced(by: 2),
                UInt32(GNUTLS_EXPORT_FLAG_NO_LZ.rawValue))
        }
        try check(result, "taking an ECDSA key apart")
        func padded(_ datum: gnutls_datum_t) -> [UInt8] {
            let number = Self.bytes(datum)
            return [UInt8](repeating: 0, count: max(0, curve.byteCount - number.count)) + number
        }
        return .ec(curve: curve, point: [4] + padded(parts[0]) + padded(parts[1]), scalar: Self.secret(parts[2]))
    }

    private static func bytes(_ datum: gnutls_datum_t) -> [UInt8] {
        Array(UnsafeBufferPointer(start: datum.data, count: Int(datum.size)))
    }

    private static func secret(_ datum: gnutls_datum_t) -> SecretBytes {
        SecretBytes(copying: UnsafeRawBufferPointer(start: datum.data, count: Int(datum.size)))
    }

    private static func release(_ parts: inout [gnutls_datum_t]) {
        for part in parts {
            SecretBytes.wipe(UnsafeMutableRawBufferPointer(start: part.data, count: Int(part.size)))
            cgnutls_free(part.data)
        }
    }
}

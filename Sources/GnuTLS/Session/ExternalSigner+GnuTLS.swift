import CGnuTLS

/// The parts of the callbacks of `gnutls_privkey_import_ext4` that handshakes and certificates share.
extension ExternalSigner {
    /// What GnuTLS wants to know of the key; -1: no answer.
    func information(_ flags: UInt32) -> Int32 {
        if flags & UInt32(GNUTLS_PRIVKEY_INFO_PK_ALGO) != 0 {
            return gnutls_pubkey_get_pk_algorithm(publicKey.handle, nil)
        }
        if flags & UInt32(GNUTLS_PRIVKEY_INFO_PK_ALGO_BITS) != 0 { return Int32(publicKey.bits) }
        if flags & UInt32(GNUTLS_PRIVKEY_INFO_HAVE_SIGN_ALGO) != 0 {
            let algorithm = gnutls_sign_algorithm_t(rawValue: cgnutls_info_algorithm_of_flags(flags))
            guard let scheme = SignatureScheme(algorithm) else { return 0 }
            return supports(scheme) ? 1 : 0
        }
        return -1
    }

    /// Signs what a callback got, and leaves the signature in memory of GnuTLS's.
    func sign(
        _ algorithm: gnutls_sign_algorithm_t, _ data: gnutls_datum_t, isDigest: Bool,
        into signature: UnsafeMutablePointer<gnutls_datum_t>
    ) throws {
        let bytes = Array(UnsafeBufferPointer(start: data.data, count: Int(data.size)))
        let input: SigningInput
        if algorithm == GNUTLS_SIGN_RSA_RAW {
            input = .digestInfo(bytes)
        } else if let scheme = SignatureScheme(algorithm) {
            input = isDigest ? .digest(bytes, scheme) : .message(bytes, scheme)
        } else {
            throw GnuTLSError(code: GNUTLS_E_UNSUPPORTED_SIGNATURE_ALGORITHM, operation: "sign")
        }
        let made = try sign(input)
        guard !made.isEmpty, let memory = cgnutls_malloc(made.count) else {
            throw GnuTLSError(code: GNUTLS_E_MEMORY_ERROR, operation: "sign")
        }
        memory.copyMemory(from: made, byteCount: made.count)
        signature.pointee = gnutls_datum_t(data: memory.assumingMemoryBound(to: UInt8.self), size: UInt32(made.count))
    }
}

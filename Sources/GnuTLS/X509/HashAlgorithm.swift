internal import CGnuTLS

/// A hash that signatures of TLS 1.2 and 1.3 rest on.
public enum HashAlgorithm: String, Sendable, Hashable, CaseIterable {
    /// SHA-256.
    case sha256
    /// SHA-384.
    case sha384
    /// SHA-512.
    case sha512

    /// How many bytes a hash has.
    public var byteCount: Int {
        switch self {
        case .sha256: 32
        case .sha384: 48
        case .sha512: 64
        }
    }
}

extension HashAlgorithm {
    var algorithm: gnutls_digest_algorithm_t {
        switch self {
        case .sha256: GNUTLS_DIG_SHA256
        case .sha384: GNUTLS_DIG_SHA384
        case .sha512: GNUTLS_DIG_SHA512
        }
    }

    package func hash(of message: [UInt8]) throws(GnuTLSError) -> [UInt8] {
        var hash = [UInt8](repeating: 0, count: byteCount)
        try check(gnutls_hash_fast(algorithm, message, message.count, &hash), "hashing")
        return hash
    }

    /// For what must not be copied into an array.
    package func hash(of message: UnsafeRawBufferPointer) throws(GnuTLSError) -> [UInt8] {
        var hash = [UInt8](repeating: 0, count: byteCount)
        try check(gnutls_hash_fast(algorithm, message.baseAddress, message.count, &hash), "hashing")
        return hash
    }
}

import CGnuTLS

/// The encoding of a digest and its algorithm that RSASSA-PKCS1-v1_5 pads (RFC 8017 §9.2).
package enum DigestInfo {
    /// The encoding of `digest`.
    package static func encode(_ digest: [UInt8], _ hash: HashAlgorithm) throws(GnuTLSError) -> [UInt8] {
        try takingBytes("encoding a digest") { result in
            digest.withDatum { gnutls_encode_ber_digest_info(hash.algorithm, $0, result) }
        }
    }

    /// Takes `bytes` apart; nil when they are no DigestInfo of a hash that TLS 1.2 may use here.
    package static func decode(_ bytes: [UInt8]) -> (digest: [UInt8], scheme: SignatureScheme)? {
        var algorithm = GNUTLS_DIG_UNKNOWN
        var digest = [UInt8](repeating: 0, count: 64)
        var length = UInt32(digest.count)
        let result = bytes.withDatum { gnutls_decode_ber_digest_info($0, &algorithm, &digest, &length) }
        let scheme: SignatureScheme
        switch algorithm {
        case _ where result < 0: return nil
        case GNUTLS_DIG_SHA256: scheme = .rsaPKCS1SHA256
        case GNUTLS_DIG_SHA384: scheme = .rsaPKCS1SHA384
        case GNUTLS_DIG_SHA512: scheme = .rsaPKCS1SHA512
        default: return nil
        }
        return (Array(digest.prefix(Int(length))), scheme)
    }
}

extension PublicKey {
    /// Whether `signature` is this key's RSASSA-PKCS1-v1_5 signature of an encoded DigestInfo.
    package func verifyPKCS1(_ signature: [UInt8], digestInfo: [UInt8]) -> Bool {
        guard let (digest, scheme) = DigestInfo.decode(digestInfo) else { return false }
        return verify(signature, ofHash: digest, scheme: scheme)
    }
}

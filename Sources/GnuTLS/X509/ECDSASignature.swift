import CGnuTLS

/// The two forms of ECDSA signatures.
package enum ECDSASignature {
    /// Turns r and s side by side, each half of `raw` (PKCS#11), into the DER that TLS carries (RFC 8446 §4.2.3).
    package static func der(fromRaw raw: [UInt8]) throws(GnuTLSError) -> [UInt8] {
        let half = raw.count / 2
        let (r, s) = (Array(raw[..<half]), Array(raw[half...]))
        return try takingBytes("encoding an ECDSA signature") { result in
            r.withDatum { r in s.withDatum { s in gnutls_encode_rs_value(result, r, s) } }
        }
    }
}

extension PublicKey {
    /// Whether `signature` is this key's RSASSA-PKCS1-v1_5 signature of an encoded DigestInfo (RFC 8017 §9.2).
    package func verifyPKCS1(_ signature: [UInt8], digestInfo: [UInt8]) -> Bool {
        var algorithm = GNUTLS_DIG_UNKNOWN
        var digest = [UInt8](repeating: 0, count: 64)
        var length = UInt32(digest.count)
        let decoded = digestInfo.withDatum { gnutls_decode_ber_digest_info($0, &algorithm, &digest, &length) }
        guard decoded >= 0 else { return false }
        let scheme: SignatureScheme
        switch algorithm {
        case GNUTLS_DIG_SHA256: scheme = .rsaPKCS1SHA256
        case GNUTLS_DIG_SHA384: scheme = .rsaPKCS1SHA384
        case GNUTLS_DIG_SHA512: scheme = .rsaPKCS1SHA512
        default: return false
        }
        return verify(signature, ofHash: Array(digest.prefix(Int(length))), scheme: scheme)
    }
}

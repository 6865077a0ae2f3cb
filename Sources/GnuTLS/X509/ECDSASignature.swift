import CGnuTLS

/// The two forms of ECDSA signatures.
package enum ECDSASignature {
    /// Turns r and s side by side, each half of `raw` (PKCS#11), into the DER that TLS carries (RFC 8446 §4.2.3).
    package static func der(fromRaw raw: [UInt8]) throws(GnuTLSError) -> [UInt8] {
        try der(r: Array(raw[..<(raw.count / 2)]), s: Array(raw[(raw.count / 2)...]))
    }

    private static func der(r: [UInt8], s: [UInt8]) throws(GnuTLSError) -> [UInt8] {
        try takingBytes("encoding an ECDSA signature") { result in
            r.withDatum { r in s.withDatum { s in gnutls_encode_rs_value(result, r, s) } }
        }
    }

    /// The two numbers of a signature in DER, without leading zeros.
    package static func raw(fromDER der: [UInt8]) throws(GnuTLSError) -> (r: [UInt8], s: [UInt8]) {
        var (r, s) = (gnutls_datum_t(), gnutls_datum_t())
        try check(der.withDatum { gnutls_decode_rs_value($0, &r, &s) }, "decoding an ECDSA signature")
        defer {
            cgnutls_free(r.data)
            cgnutls_free(s.data)
        }
        return (number(r), number(s))
    }

    private static func number(_ datum: gnutls_datum_t) -> [UInt8] {
        Array(UnsafeBufferPointer(start: datum.data, count: Int(datum.size)).drop { $0 == 0 })
    }

    /// All that a token's answer can mean, in DER, the likeliest first: r and s side by side, each `half` bytes long, as
    /// PKCS#11 has it; the same with leading zeros left out, where only trying tells which belongs to which; or DER.
    package static func readings(of answer: [UInt8], half: Int) -> [[UInt8]] {
        var readings: [[UInt8]] = []
        if answer.count <= 2 * half, answer.count > 2 * half - 8 {
            for count in stride(from: min(half, answer.count - 1), through: max(1, answer.count - half), by: -1) {
                if let reading = try? der(r: Array(answer[..<count]), s: Array(answer[count...])) {
                    readings.append(reading)
                }
            }
        }
        if answer.first == 0x30 { readings.append(answer) }
        return readings
    }
}

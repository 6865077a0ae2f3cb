internal import CGnuTLS
/// How passphrases become keys, and what that may cost.
package enum KeyStretching {
    /// How many iterations a file may ask for in all: whoever makes a file could otherwise keep its reader busy for
    /// hours. Ten million take a second or two; OpenSSL asks for 2048, the most cautious programs for a million.
    package static let limit = 10_000_000

    /// The OID of scrypt (RFC 7914 §7), as DER has it.
    private static let scrypt: [UInt8] = [0x06, 0x09, 0x2B, 0x06, 0x01, 0x04, 0x01, 0xDA, 0x47, 0x04, 0x0B]

    /// Whether the DER names scrypt, which GnuTLS does not know.
    static func isScrypt(_ der: UnsafeRawBufferPointer) -> Bool {
        der.indices.contains { der[$0] == scrypt[0] && der[$0...].starts(with: scrypt) }
    }

    static func excess(_ iterations: Int) -> String {
        "an encryption that asks for \(iterations) iterations, where at most \(limit) are done"
    }

    /// How many iterations an encrypted PKCS#8 key asks for.
    static func iterations(ofPKCS8 der: UnsafeRawBufferPointer) throws(GnuTLSError) -> Int {
        var der = der.datum
        var iterations: UInt32 = 0
        try check(
            gnutls_pkcs8_info(&der, GNUTLS_X509_FMT_DER, nil, nil, nil, nil, &iterations, nil),
            "reading an encrypted private key")
        return Int(iterations)
    }
}

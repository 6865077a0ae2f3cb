internal import CGnuTLS

extension RevocationList {
    /// What one line of a list says.
    package struct Entry: Sendable, Hashable {
        /// In lower-case hexadecimal digits, two a byte.
        package var serialNumber: String
        /// In seconds since 1970 UTC.
        package var revokedAt: Int64

        package init(serialNumber: String, revokedAt: Int64) {
            self.serialNumber = serialNumber
            self.revokedAt = revokedAt
        }
    }

    /// The certificates that it revokes.
    package func entries() throws(GnuTLSError) -> [Entry] {
        try withHandle("reading a revocation list") { (handle) throws(GnuTLSError) in
            var entries: [Entry] = []
            var iterator: OpaquePointer?
            defer { if let iterator { gnutls_x509_crl_iter_deinit(iterator) } }
            while true {
                var serial = [UInt8](repeating: 0, count: 64)
                var size = serial.count
                var time = Int()
                let result = gnutls_x509_crl_iter_crt_serial(handle, &iterator, &serial, &size, &time)
                if result == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE { return entries }
                try check(result, "reading a revocation list")
                entries.append(Entry(serialNumber: hexadecimal(serial.prefix(size)), revokedAt: Int64(time)))
            }
        }
    }

    /// The list's number (RFC 5280 §5.2.3), as far as it fits; nil where it has none.
    package func number() throws(GnuTLSError) -> Int64? {
        try withHandle("reading a revocation list") { (handle) throws(GnuTLSError) in
            var bytes = [UInt8](repeating: 0, count: 20)
            var size = bytes.count
            guard gnutls_x509_crl_get_number(handle, &bytes, &size, nil) >= 0, size <= 8 else { return nil }
            return Int64(clamping: bytes.prefix(size).reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
        }
    }

    /// Makes a list of serial numbers.
    ///
    /// - Parameters:
    ///   - number: Greater than that of every list of this issuer before.
    ///   - thisUpdate: In seconds since 1970 UTC.
    ///   - nextUpdate: In seconds since 1970 UTC.
    package static func sign(
        _ entries: [Entry], number: Int64, issuer: Certificate, key: PrivateKey, thisUpdate: Int64, nextUpdate: Int64
    ) throws(GnuTLSError) -> RevocationList {
        let operation = "making a revocation list"
        let handle = try newHandle(operation) { gnutls_x509_crl_init($0) }
        defer { gnutls_x509_crl_deinit(handle) }
        try check(gnutls_x509_crl_set_version(handle, 2), operation)
        try check(gnutls_x509_crl_set_this_update(handle, Int(thisUpdate)), operation)
        try check(gnutls_x509_crl_set_next_update(handle, Int(nextUpdate)), operation)
        for entry in entries {
            let serial = bytes(ofDigits: entry.serialNumber)
            try check(
                gnutls_x509_crl_set_crt_serial(handle, serial, serial.count, Int(entry.revokedAt)), operation)
        }
        // A byte 0 before the others keeps the INTEGER positive.
        let digits = [0] + withUnsafeBytes(of: number.bigEndian) { $0.drop { $0 == 0 } }
        try check(gnutls_x509_crl_set_number(handle, digits, digits.count), operation)
        var keyID = try fillingBytes(operation) { gnutls_pubkey_get_key_id(issuer.publicKey.handle, 0, $0, $1) }
        if let named = try? fillingBytes(
            operation, { gnutls_x509_crt_get_subject_key_id(issuer.handle, $0, $1, nil) })
        {
            keyID = named
        }
        try check(gnutls_x509_crl_set_authority_key_id(handle, keyID, keyID.count), operation)
        let digest = try issuer.publicKey.preferredDigest()
        try check(gnutls_x509_crl_privkey_sign(handle, issuer.handle, key.handle, digest, 0), operation)
        return try RevocationList(
            der: try takingBytes(operation) { gnutls_x509_crl_export2(handle, GNUTLS_X509_FMT_DER, $0) })
    }

    private static func bytes(ofDigits text: String) -> [UInt8] {
        let digits = text.utf8.map { $0 < 0x3A ? $0 &- 0x30 : $0 &- 0x57 }
        return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] & 0xF }
    }

    private func withHandle<Result>(
        _ operation: String, _ body: (gnutls_x509_crl_t) throws(GnuTLSError) -> Result
    ) throws(GnuTLSError) -> Result {
        let handle = try newHandle(operation) { gnutls_x509_crl_init($0) }
        defer { gnutls_x509_crl_deinit(handle) }
        try check(der.withDatum { gnutls_x509_crl_import(handle, $0, GNUTLS_X509_FMT_DER) }, operation)
        return try body(handle)
    }
}

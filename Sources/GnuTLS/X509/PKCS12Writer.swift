internal import CGnuTLS
package import SecretMemory

/// Writes PKCS#12 files (RFC 7292) with the algorithms of today: PBES2 with AES-256 for key and certificates, HMAC-SHA256
/// for the whole.
package enum PKCS12Writer {
    /// Puts a key and its certificates into one file.
    ///
    /// - Parameters:
    ///   - chain: The key's certificate, then its issuers.
    ///   - name: What programs show for the key.
    /// - Throws: ``PrivateKeyError`` for a passphrase that PKCS#12 cannot have, else ``GnuTLSError``.
    package static func file(
        key: PrivateKey, chain: [Certificate], name: String, passphrase: SecretBytes
    ) throws -> [UInt8] {
        let passphrase = try Passphrase(passphrase)
        let operation = "making a PKCS#12 file"
        let file = try newHandle(operation) { gnutls_pkcs12_init($0) }
        defer { gnutls_pkcs12_deinit(file) }
        let keyID = try HashAlgorithm.sha256.hash(of: key.publicKey.spkiDER)

        try addBag(to: file) { (bag) throws(GnuTLSError) in
            for (number, certificate) in chain.enumerated() {
                let index = try check(gnutls_pkcs12_bag_set_crt(bag, certificate.handle), operation)
                if number == 0 { try label(bag, index, name, keyID) }
            }
            try check(
                passphrase.withCString { gnutls_pkcs12_bag_encrypt(bag, $0, GNUTLS_PKCS_PBES2_AES_256.rawValue) },
                operation)
        }
        try addBag(to: file) { (bag) throws(GnuTLSError) in
            let index = try key.encryptedPKCS8(passphrase).withDatum {
                gnutls_pkcs12_bag_set_data(bag, GNUTLS_BAG_PKCS8_ENCRYPTED_KEY, $0)
            }
            try label(bag, try check(index, operation), name, keyID)
        }
        try check(passphrase.withCString { gnutls_pkcs12_generate_mac2(file, GNUTLS_MAC_SHA256, $0) }, operation)
        return try takingBytes(operation) { gnutls_pkcs12_export2(file, GNUTLS_X509_FMT_DER, $0) }
    }

    private static func addBag(
        to file: gnutls_pkcs12_t, _ fill: (gnutls_pkcs12_bag_t) throws(GnuTLSError) -> Void
    ) throws(GnuTLSError) {
        let bag = try newHandle("making a PKCS#12 file") { gnutls_pkcs12_bag_init($0) }
        defer { gnutls_pkcs12_bag_deinit(bag) }
        try fill(bag)
        try check(gnutls_pkcs12_set_bag(file, bag), "making a PKCS#12 file")
    }

    /// The same identifier at key and certificate says that they belong together.
    private static func label(
        _ bag: gnutls_pkcs12_bag_t, _ index: Int32, _ name: String, _ keyID: [UInt8]
    ) throws(GnuTLSError) {
        try check(gnutls_pkcs12_bag_set_friendly_name(bag, UInt32(clamping: index), name), "naming a key")
        try check(
            keyID.withDatum { gnutls_pkcs12_bag_set_key_id(bag, UInt32(clamping: index), $0) }, "naming a key")
    }
}

extension PrivateKey {
    /// Encrypted PKCS#8 in DER.
    fileprivate func encryptedPKCS8(_ passphrase: Passphrase) throws(GnuTLSError) -> [UInt8] {
        let operation = "encrypting a key"
        let key = try newHandle(operation) { gnutls_privkey_export_x509(handle, $0) }
        defer { gnutls_x509_privkey_deinit(key) }
        return try takingBytes(operation) { der in
            passphrase.withCString {
                gnutls_x509_privkey_export2_pkcs8(
                    key, GNUTLS_X509_FMT_DER, $0, GNUTLS_PKCS_PBES2_AES_256.rawValue, der)
            }
        }
    }
}

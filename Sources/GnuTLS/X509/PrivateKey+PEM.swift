internal import CGnuTLS
package import SecretMemory

extension PrivateKey {
    /// Reads the one private key in PEM text, where certificates and parameters may stand beside it: PKCS#8, encrypted
    /// or not, PKCS#1, SEC 1, and the latter two in OpenSSL's traditional encryption. The text is not copied.
    ///
    /// - Parameter passphrase: Not used when the key is not encrypted.
    package static func read(
        pem: UnsafeRawBufferPointer, passphrase: SecretBytes? = nil
    ) throws(PrivateKeyError) -> PrivateKey {
        let blocks: [PEM.Block]
        do { blocks = try PEM.blocks(in: pem) } catch { throw .malformed("\(error)") }
        let keys = blocks.filter { $0.label.hasSuffix("PRIVATE KEY") }
        guard let block = keys.first else { throw .notAKey }
        guard keys.count == 1 else {
            throw .malformed("lines \(keys[0].line) and \(keys[1].line) begin two different keys")
        }
        let key = try read(block, UnsafeRawBufferPointer(rebasing: pem[block.range]), passphrase)
        if case .other(let name) = key.publicKey.algorithm { throw .unsupported("\(name) signs nothing in TLS") }
        return key
    }

    package static func read(
        pem: [UInt8], passphrase: SecretBytes? = nil
    ) throws(PrivateKeyError) -> PrivateKey {
        try pem.withRawBytes { (pem) throws(PrivateKeyError) in try read(pem: pem, passphrase: passphrase) }
    }

    package static func read(
        pem: SecretBytes, passphrase: SecretBytes? = nil
    ) throws(PrivateKeyError) -> PrivateKey {
        try pem.withUnsafeBytes { (pem) throws(PrivateKeyError) in try read(pem: pem, passphrase: passphrase) }
    }

    private static func read(
        _ block: PEM.Block, _ pem: UnsafeRawBufferPointer, _ passphrase: SecretBytes?
    ) throws(PrivateKeyError) -> PrivateKey {
        var pem = pem.datum
        switch (block.label, block.headers["Proc-Type"]) {
        case ("PRIVATE KEY", nil):
            return try plain {
                gnutls_x509_privkey_import_pkcs8($0, &pem, GNUTLS_X509_FMT_PEM, nil, GNUTLS_PKCS_PLAIN.rawValue)
            }
        case ("RSA PRIVATE KEY", nil), ("EC PRIVATE KEY", nil):
            return try plain { gnutls_x509_privkey_import($0, &pem, GNUTLS_X509_FMT_PEM) }
        case ("ENCRYPTED PRIVATE KEY", nil):
            try checkEncryption(&pem)
            return try encrypted(passphrase) { key, passphrase in
                gnutls_x509_privkey_import_pkcs8(key, &pem, GNUTLS_X509_FMT_PEM, passphrase, 0)
            }
        case ("RSA PRIVATE KEY", "4,ENCRYPTED"), ("EC PRIVATE KEY", "4,ENCRYPTED"):
            return try encrypted(passphrase) { gnutls_x509_privkey_import_openssl($0, &pem, $1) }
        default:
            throw .unsupported("a block \"\(block.label)\"")
        }
    }

    private static func plain(_ read: (gnutls_x509_privkey_t) -> Int32) throws(PrivateKeyError) -> PrivateKey {
        do { return try PrivateKey("reading a private key", filledBy: read) } catch {
            throw error.isUnknownAlgorithm ? .unsupported(error.message) : .malformed("\(error)")
        }
    }

    /// What the wrong passphrase yields is mostly noise, and sometimes noise that begins like a key: so every failure
    /// after the container was understood is laid to the passphrase.
    private static func encrypted(
        _ passphrase: SecretBytes?, _ read: (gnutls_x509_privkey_t, UnsafePointer<CChar>?) -> Int32
    ) throws(PrivateKeyError) -> PrivateKey {
        guard let passphrase else { throw .passphraseMissing }
        let terminated = try Passphrase(passphrase)
        do {
            return try PrivateKey("reading a private key") { key in terminated.withCString { read(key, $0) } }
        } catch {
            throw error.isUnknownAlgorithm ? .unsupported(error.message) : .passphraseIncorrect
        }
    }

    private static func checkEncryption(_ pem: inout gnutls_datum_t) throws(PrivateKeyError) {
        let result = gnutls_pkcs8_info(&pem, GNUTLS_X509_FMT_PEM, nil, nil, nil, nil, nil, nil)
        guard result < 0 else { return }
        let error = GnuTLSError(code: result, operation: "reading an encrypted private key")
        // A request that is "invalid" means here that nothing is encrypted.
        throw error.isUnknownAlgorithm && result != GNUTLS_E_INVALID_REQUEST
            ? .unsupported(error.message) : .malformed("\(error)")
    }
}

extension GnuTLSError {
    fileprivate var isUnknownAlgorithm: Bool {
        switch code {
        case GNUTLS_E_UNKNOWN_CIPHER_TYPE, GNUTLS_E_UNKNOWN_PK_ALGORITHM, GNUTLS_E_UNKNOWN_HASH_ALGORITHM,
            GNUTLS_E_UNKNOWN_ALGORITHM, GNUTLS_E_UNIMPLEMENTED_FEATURE, GNUTLS_E_UNSUPPORTED_SIGNATURE_ALGORITHM,
            GNUTLS_E_ECC_UNSUPPORTED_CURVE, GNUTLS_E_INVALID_REQUEST:
            true
        default: false
        }
    }
}

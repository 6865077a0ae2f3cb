internal import CGnuTLS
package import SecretMemory

extension PrivateKey {
    /// Reads the one private key in a file: DER, or PEM where certificates and parameters may stand beside it. PKCS#8,
    /// encrypted or not, PKCS#1, SEC 1, and in PEM the latter two in OpenSSL's traditional encryption.
    ///
    /// GnuTLS is given DER from locked memory and wipes what it decrypts; from PEM it would leave copies in freed memory.
    ///
    /// - Parameter passphrase: Not used when the key is not encrypted.
    package static func read(
        _ file: UnsafeRawBufferPointer, passphrase: SecretBytes? = nil
    ) throws(PrivateKeyError) -> PrivateKey {
        let key =
            if let kind = DERKind(file) {
                try read(kind.label, der: file, passphrase)
            } else {
                try read(pem: file, passphrase)
            }
        if case .other(let name) = key.publicKey.algorithm { throw .unsupported("\(name) signs nothing in TLS") }
        return key
    }

    package static func read(
        _ file: [UInt8], passphrase: SecretBytes? = nil
    ) throws(PrivateKeyError) -> PrivateKey {
        try file.withRawBytes { (file) throws(PrivateKeyError) in try read(file, passphrase: passphrase) }
    }

    package static func read(
        _ file: SecretBytes, passphrase: SecretBytes? = nil
    ) throws(PrivateKeyError) -> PrivateKey {
        try file.withUnsafeBytes { (file) throws(PrivateKeyError) in try read(file, passphrase: passphrase) }
    }

    private static func read(
        pem: UnsafeRawBufferPointer, _ passphrase: SecretBytes?
    ) throws(PrivateKeyError) -> PrivateKey {
        let blocks: [PEM.Block]
        do { blocks = try PEM.blocks(in: pem) } catch { throw .malformed("\(error)") }
        let keys = blocks.filter { $0.label.hasSuffix("PRIVATE KEY") }
        guard let block = keys.first else { throw .notAKey(found: KeyImpostors.name(blocks.map(\.label), pem)) }
        guard keys.count == 1 else {
            throw .malformed("lines \(keys[0].line) and \(keys[1].line) begin two different keys")
        }
        guard block.headers["Proc-Type"] == nil else {
            return try read(traditional: block, pem, passphrase)
        }
        let der: SecretBytes
        do { der = try block.secretContents(of: pem) } catch { throw .malformed("\(error)") }
        do {
            return try der.withUnsafeBytes { (der) throws(PrivateKeyError) in
                if let known = DERKind(rawValue: block.label), DERKind(der) != known {
                    throw .malformed("there is something else in it than \"\(block.label)\"")
                }
                return try read(block.label, der: der, passphrase)
            }
        } catch .malformed(let detail) {
            throw .malformed("line \(block.line): \(detail)")
        }
    }

    /// GnuTLS ends the process when it is to decrypt what is no multiple of the cipher's block, and reads headers
    /// leniently: so it is given a text made anew of what was checked here.
    private static func read(
        traditional block: PEM.Block, _ pem: UnsafeRawBufferPointer, _ passphrase: SecretBytes?
    ) throws(PrivateKeyError) -> PrivateKey {
        guard ["RSA PRIVATE KEY", "EC PRIVATE KEY"].contains(block.label),
            block.headers["Proc-Type"] == "4,ENCRYPTED"
        else { throw unusable(block.label) }
        let information = (block.headers["DEK-Info"] ?? "").split(separator: ",").map(String.init)
        guard information.count == 2 else { throw .malformed("line \(block.line): there is no DEK-Info") }
        let blockLength: Int
        switch information[0] {
        case "AES-128-CBC", "AES-192-CBC", "AES-256-CBC": blockLength = 16
        case "DES-EDE3-CBC": blockLength = 8
        default: throw .unsupportedEncryption("the cipher \(information[0].prefix(32))")
        }
        let contents: [UInt8]
        do { contents = try block.contents(of: pem) } catch { throw .malformed("\(error)") }
        guard contents.count.isMultiple(of: blockLength), information[1].utf8.count == 2 * blockLength,
            information[1].allSatisfy({ $0.isASCII && $0.isHexDigit })
        else { throw .malformed("line \(block.line): what is encrypted, or its DEK-Info, is not whole") }
        let text = PEM.encode(
            label: block.label, headers: ["Proc-Type: 4,ENCRYPTED", "DEK-Info: \(information[0]),\(information[1])"],
            der: contents)
        return try encrypted(passphrase) { key, passphrase in
            text.withDatum { gnutls_x509_privkey_import_openssl(key, $0, passphrase) }
        }
    }

    /// Reads a key in DER that PEM would give `label`.
    static func read(
        _ label: String, der: UnsafeRawBufferPointer, _ passphrase: SecretBytes?
    ) throws(PrivateKeyError) -> PrivateKey {
        var datum = der.datum
        switch label {
        case "PRIVATE KEY":
            return try plain {
                gnutls_x509_privkey_import_pkcs8($0, &datum, GNUTLS_X509_FMT_DER, nil, GNUTLS_PKCS_PLAIN.rawValue)
            }
        case "RSA PRIVATE KEY", "EC PRIVATE KEY":
            return try plain { gnutls_x509_privkey_import($0, &datum, GNUTLS_X509_FMT_DER) }
        case "ENCRYPTED PRIVATE KEY":
            try checkEncryption(der)
            return try encrypted(passphrase) { key, passphrase in
                gnutls_x509_privkey_import_pkcs8(key, &datum, GNUTLS_X509_FMT_DER, passphrase, 0)
            }
        default: throw unusable(label)
        }
    }

    private static func unusable(_ label: String) -> PrivateKeyError {
        switch label {
        case "OPENSSH PRIVATE KEY":
            .unsupported("a key in OpenSSH's own format", command: "ssh-keygen -p -m PKCS8 -f COPY-OF-FILE")
        case let label where label.hasSuffix("PRIVATE KEY"): .unsupported("a block \"\(label)\"")
        default: .notAKey(found: KeyImpostors.name(label))
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
            throw error.isUnknownAlgorithm ? .unsupportedEncryption(error.message) : .passphraseIncorrect
        }
    }

    private static func checkEncryption(_ der: UnsafeRawBufferPointer) throws(PrivateKeyError) {
        let iterations: Int
        do { iterations = try KeyStretching.iterations(ofPKCS8: der) } catch {
            if KeyStretching.isScrypt(der) {
                throw .unsupportedEncryption("an encryption by scrypt, which GnuTLS does not know")
            }
            // A request that is "invalid" means here that nothing is encrypted.
            throw error.isUnknownAlgorithm && error.code != GNUTLS_E_INVALID_REQUEST
                ? .unsupportedEncryption(error.message) : .malformed("\(error)")
        }
        guard iterations <= KeyStretching.limit else {
            throw .unsupportedEncryption(KeyStretching.excess(iterations))
        }
    }
}

extension GnuTLSError {
    /// Whether GnuTLS understood what is there, and does not know how to do it.
    var isUnknownAlgorithm: Bool {
        switch code {
        case GNUTLS_E_UNKNOWN_CIPHER_TYPE, GNUTLS_E_UNKNOWN_PK_ALGORITHM, GNUTLS_E_UNKNOWN_HASH_ALGORITHM,
            GNUTLS_E_UNKNOWN_ALGORITHM, GNUTLS_E_UNIMPLEMENTED_FEATURE, GNUTLS_E_UNSUPPORTED_SIGNATURE_ALGORITHM,
            GNUTLS_E_ECC_UNSUPPORTED_CURVE, GNUTLS_E_INVALID_REQUEST:
            true
        default: false
        }
    }
}

internal import CGnuTLS
internal import SecretMemory

/// A PKCS#12 file's layers: the MAC over all, safes that may be encrypted, and the bags in them.
final class PKCS12Container {
    /// A key as it stands in its bag.
    struct Key {
        let der: SecretBytes
        let isEncrypted: Bool
    }

    struct Contents {
        var keys: [Key] = []
        var certificates: [Certificate] = []
    }

    /// A file with one key has two safes. GnuTLS goes through the file anew for each, so a file of thousands would take
    /// long.
    private static let safeLimit = 64

    private let handle: gnutls_pkcs12_t
    private let namesScrypt: Bool

    init(_ file: UnsafeRawBufferPointer) throws(GnuTLSError) {
        let handle = try newHandle("reading PKCS#12") { gnutls_pkcs12_init($0) }
        var datum = file.datum
        let result = gnutls_pkcs12_import(handle, &datum, GNUTLS_X509_FMT_DER, 0)
        guard result >= 0 else {
            gnutls_pkcs12_deinit(handle)
            throw GnuTLSError(code: result, operation: "reading PKCS#12")
        }
        namesScrypt = KeyStretching.isScrypt(file)
        self.handle = handle
    }

    deinit { gnutls_pkcs12_deinit(handle) }

    func macIterations() throws(PKCS12Error) -> Int {
        var iterations: UInt32 = 0
        // Of an algorithm that GnuTLS does not know it keeps the identifier for the caller, who has to ask for it.
        var algorithm: UnsafeMutablePointer<CChar>?
        defer { cgnutls_free(algorithm) }
        switch gnutls_pkcs12_mac_info(handle, nil, nil, nil, &iterations, &algorithm) {
        case GNUTLS_E_INVALID_REQUEST: throw .unsupported("no MAC: nothing shows that it is as it was made")
        case let result where result < 0: throw refusal(result, "reading the MAC")
        default: return Int(iterations)
        }
    }

    func verifyMAC(_ passphrase: Passphrase?) throws(PKCS12Error) -> Bool {
        switch passphrase.withCString({ gnutls_pkcs12_verify_mac(handle, $0) }) {
        case GNUTLS_E_MAC_VERIFY_FAILED: false
        case let result where result < 0: throw refusal(result, "verifying the MAC")
        default: true
        }
    }

    func contents(_ passphrase: Passphrase?, _ cost: inout Int) throws(PKCS12Error) -> Contents {
        var contents = Contents()
        for index in 0..<Self.safeLimit {
            var safe: gnutls_pkcs12_bag_t?
            guard gnutls_pkcs12_bag_init(&safe) >= 0, let safe else { throw .malformed("out of memory") }
            defer { release(safe) }
            let result = gnutls_pkcs12_get_bag(handle, Int32(index), safe)
            if result == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE { return contents }
            guard result >= 0 else { throw refusal(result, "reading a safe") }
            if Self.kind(of: 0, in: safe) == GNUTLS_BAG_ENCRYPTED { try decrypt(safe, passphrase, &cost) }
            try read(safe, &contents)
        }
        throw .malformed("more than \(Self.safeLimit - 1) safes")
    }

    private func decrypt(
        _ safe: gnutls_pkcs12_bag_t, _ passphrase: Passphrase?, _ cost: inout Int
    ) throws(PKCS12Error) {
        var iterations: UInt32 = 0
        let info = gnutls_pkcs12_bag_enc_info(safe, nil, nil, nil, nil, &iterations, nil)
        guard info >= 0 else { throw refusal(info, "reading the encryption of a safe") }
        try cost.add(Int(iterations))
        let result = passphrase.withCString { gnutls_pkcs12_bag_decrypt(safe, $0) }
        guard result >= 0 else { throw refusal(result, "decrypting a safe") }
    }

    private func read(_ safe: gnutls_pkcs12_bag_t, _ contents: inout Contents) throws(PKCS12Error) {
        for index in 0..<UInt32(max(0, gnutls_pkcs12_bag_get_count(safe))) {
            var datum = gnutls_datum_t()
            guard gnutls_pkcs12_bag_get_data(safe, index, &datum) >= 0 else { continue }
            let bytes = UnsafeRawBufferPointer(start: datum.data, count: Int(datum.size))
            switch Self.kind(of: index, in: safe) {
            case GNUTLS_BAG_PKCS8_KEY: contents.keys.append(Key(der: SecretBytes(copying: bytes), isEncrypted: false))
            case GNUTLS_BAG_PKCS8_ENCRYPTED_KEY:
                contents.keys.append(Key(der: SecretBytes(copying: bytes), isEncrypted: true))
            case GNUTLS_BAG_CERTIFICATE:
                do { contents.certificates.append(try Certificate(der: [UInt8](bytes))) } catch {
                    throw .malformed("\(error)")
                }
            default: break
            }
        }
    }

    private static func kind(of index: UInt32, in safe: gnutls_pkcs12_bag_t) -> gnutls_pkcs12_bag_type_t {
        gnutls_pkcs12_bag_type_t(UInt32(bitPattern: gnutls_pkcs12_bag_get_type(safe, index)))
    }

    /// GnuTLS does not wipe what it gives back.
    private func release(_ safe: gnutls_pkcs12_bag_t) {
        for index in 0..<UInt32(max(0, gnutls_pkcs12_bag_get_count(safe))) {
            var datum = gnutls_datum_t()
            guard gnutls_pkcs12_bag_get_data(safe, index, &datum) >= 0 else { continue }
            SecretBytes.wipe(UnsafeMutableRawBufferPointer(start: datum.data, count: Int(datum.size)))
        }
        gnutls_pkcs12_bag_deinit(safe)
    }

    private func refusal(_ code: Int32, _ operation: String) -> PKCS12Error {
        let error = GnuTLSError(code: code, operation: operation)
        if namesScrypt { return .unsupported("an encryption by scrypt, which GnuTLS does not know") }
        return error.isUnknownAlgorithm
            ? .unsupported("an encryption or MAC that GnuTLS does not know (\(error))") : .malformed("\(error)")
    }
}

extension PKCS12Container.Key {
    /// - Parameter passphrase: The one by which the MAC was verified; nil is a form of the empty one.
    func read(_ passphrase: Passphrase?, _ cost: inout Int) throws(PKCS12Error) -> PrivateKey {
        if isEncrypted {
            let iterations: Int
            do { iterations = try der.withUnsafeBytes(KeyStretching.iterations) } catch {
                throw der.withUnsafeBytes(KeyStretching.isScrypt)
                    ? .unsupported("a key that is encrypted by scrypt, which GnuTLS does not know")
                    : .unsupported("a key whose encryption GnuTLS does not know (\(error))")
            }
            try cost.add(iterations)
        }
        let form = passphrase == nil ? GNUTLS_PKCS_NULL_PASSWORD : gnutls_pkcs_encrypt_flags_t(0)
        let flags = isEncrypted ? form : GNUTLS_PKCS_PLAIN
        let key: PrivateKey
        do throws(GnuTLSError) {
            key = try PrivateKey("reading the private key") { handle in
                der.withUnsafeBytes { der in
                    var datum = der.datum
                    return passphrase.withCString {
                        gnutls_x509_privkey_import_pkcs8(handle, &datum, GNUTLS_X509_FMT_DER, $0, flags.rawValue)
                    }
                }
            }
        } catch {
            throw error.code == GNUTLS_E_DECRYPTION_FAILED
                ? .unsupported("a passphrase for its key that is not the one for the file") : .malformed("\(error)")
        }
        if case .other(let name) = key.publicKey.algorithm {
            throw .unsupported("a key of \(name), which signs nothing in TLS")
        }
        return key
    }
}

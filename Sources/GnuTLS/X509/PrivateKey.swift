internal import CGnuTLS
package import SecretMemory

/// A private key in this process's memory.
///
/// The value is immutable and may sign on many threads at once. Nothing prints the key.
package final class PrivateKey: @unchecked Sendable {  // safe: GnuTLS only reads the handles after init
    package let publicKey: PublicKey
    let handle: gnutls_privkey_t
    /// Owned by `handle`.
    private let x509: gnutls_x509_privkey_t

    /// Takes what `fill` puts into a new handle.
    init(_ operation: String, filledBy fill: (gnutls_x509_privkey_t) -> Int32) throws(GnuTLSError) {
        var newX509: gnutls_x509_privkey_t?
        try check(gnutls_x509_privkey_init(&newX509), operation)
        guard let x509 = newX509 else { throw GnuTLSError(code: GNUTLS_E_MEMORY_ERROR, operation: operation) }
        var new: gnutls_privkey_t?
        let release = UInt32(GNUTLS_PRIVKEY_IMPORT_AUTO_RELEASE.rawValue)
        do throws(GnuTLSError) {
            try check(fill(x509), operation)
            try check(gnutls_privkey_init(&new), operation)
            try check(gnutls_privkey_import_x509(new, x509, release), operation)
        } catch {
            if let new { gnutls_privkey_deinit(new) }
            gnutls_x509_privkey_deinit(x509)
            throw error
        }
        guard let handle = new else { throw GnuTLSError(code: GNUTLS_E_MEMORY_ERROR, operation: operation) }
        do throws(GnuTLSError) {
            publicKey = try PublicKey(operation) { gnutls_pubkey_import_privkey($0, handle, 0, 0) }
        } catch {
            gnutls_privkey_deinit(handle)
            throw error
        }
        self.handle = handle
        self.x509 = x509
    }

    deinit { gnutls_privkey_deinit(handle) }

    /// Makes a key. RSA-2048 takes some tenths of a second, the others less than a millisecond.
    package static func generate(_ kind: KeyKind) throws(GnuTLSError) -> PrivateKey {
        let (algorithm, bits) = kind.parameters
        return try PrivateKey("making a key") { gnutls_x509_privkey_generate($0, algorithm, bits, 0) }
    }

    /// Signs `message` in `scheme`. An ECDSA signature is DER, as in TLS.
    package func sign(_ message: [UInt8], scheme: SignatureScheme) throws(GnuTLSError) -> [UInt8] {
        try takingBytes("signing") { signature in
            message.withDatum { gnutls_privkey_sign_data2(handle, scheme.algorithm, scheme.signFlags, $0, signature) }
        }
    }

    /// Signs a hash in `scheme`, which must not be one of EdDSA.
    package func sign(hash: [UInt8], scheme: SignatureScheme) throws(GnuTLSError) -> [UInt8] {
        guard hash.count == scheme.hash?.byteCount else {
            throw GnuTLSError(code: GNUTLS_E_INVALID_REQUEST, operation: "signing")
        }
        return try takingBytes("signing") { signature in
            hash.withDatum { gnutls_privkey_sign_hash2(handle, scheme.algorithm, scheme.signFlags, $0, signature) }
        }
    }

    /// The key as PKCS#8 in PEM; with a passphrase, encrypted by PBES2 with AES-256.
    package func pemEncoded(passphrase: SecretBytes? = nil) throws -> SecretBytes {
        let flags = passphrase == nil ? GNUTLS_PKCS_PLAIN : GNUTLS_PKCS_PBES2_AES_256
        let terminated = try passphrase.map { try Passphrase($0) }
        return try takingMemory("writing a private key") { pem in
            terminated.withCString {
                gnutls_x509_privkey_export2_pkcs8(x509, GNUTLS_X509_FMT_PEM, $0, flags.rawValue, pem)
            }
        } body: {
            SecretBytes(copying: $0)
        }
    }
}

extension PrivateKey: CustomStringConvertible, CustomReflectable {
    package var description: String { "<private key>" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

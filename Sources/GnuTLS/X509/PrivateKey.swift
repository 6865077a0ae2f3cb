internal import CGnuTLS
package import SecretMemory

/// A private key in this process's memory.
///
/// The value is immutable and may sign on many threads at once. Nothing prints the key.
package final class PrivateKey: @unchecked Sendable {  // safe: GnuTLS only reads the handles after init
    package let publicKey: PublicKey
    let handle: gnutls_privkey_t
    /// `handle` refers to it.
    private let x509: gnutls_x509_privkey_t

    /// Takes what `fill` puts into a new handle.
    init(_ operation: String, filledBy fill: (gnutls_x509_privkey_t) -> Int32) throws(GnuTLSError) {
        let x509 = try newHandle(operation) { gnutls_x509_privkey_init($0) }
        let handle: gnutls_privkey_t
        do throws(GnuTLSError) {
            try check(fill(x509), operation)
            handle = try newHandle(operation) { gnutls_privkey_init($0) }
        } catch {
            gnutls_x509_privkey_deinit(x509)
            throw error
        }
        do throws(GnuTLSError) {
            try check(gnutls_privkey_import_x509(handle, x509, 0), operation)
            publicKey = try PublicKey(operation) { gnutls_pubkey_import_privkey($0, handle, 0, 0) }
        } catch {
            gnutls_privkey_deinit(handle)
            gnutls_x509_privkey_deinit(x509)
            throw error
        }
        self.handle = handle
        self.x509 = x509
    }

    deinit {
        gnutls_privkey_deinit(handle)
        gnutls_x509_privkey_deinit(x509)
    }

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

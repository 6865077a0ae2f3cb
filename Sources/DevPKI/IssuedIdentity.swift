public import GnuTLS
public import SecretMemory

/// A key with its certificate, fresh from a ``CertificateAuthority``.
public struct IssuedIdentity: Sendable {
    /// The leaf.
    public let certificate: Certificate
    /// The authorities between the leaf and the root, the leaf's issuer first.
    public let intermediates: [Certificate]
    /// The trust anchor.
    public let root: Certificate
    package let privateKey: PrivateKey

    /// What is to be sent: the leaf and the intermediates, without the root.
    public var chain: [Certificate] { [certificate] + intermediates }

    /// ``chain`` as PEM blocks, in ASCII.
    public var certificatePEM: [UInt8] { Array(chain.map(\.pemEncoded).joined()) }

    /// The key as PKCS#8 in PEM: in the clear, or encrypted (PBES2 with AES-256) when there is a passphrase.
    ///
    /// - Throws: When the passphrase is not UTF-8 or has a NUL byte.
    public func keyPEM(passphrase: SecretBytes? = nil) throws -> SecretBytes {
        try privateKey.pemEncoded(passphrase: passphrase)
    }

    /// Where an identity was written to.
    public struct Files: Sendable, Hashable {
        /// The chain in PEM.
        public let certificate: String
        /// The key in PEM, readable only by its owner.
        public let key: String
    }

    /// Writes the chain to `name`.pem and the key to `name`-key.pem, the latter with mode 0600. Files with these names
    /// are replaced.
    ///
    /// - Parameters:
    ///   - directory: Has to be there.
    ///   - name: What the files are called.
    ///   - passphrase: Encrypts the key.
    /// - Throws: An `MTLSError` that names the file that cannot be written.
    public func write(
        to directory: String, name: String, passphrase: SecretBytes? = nil
    ) throws -> Files {
        let files = Files(certificate: "\(directory)/\(name).pem", key: "\(directory)/\(name)-key.pem")
        try certificatePEM.withUnsafeBytes { try NewFile.create($0, to: files.certificate, mode: 0o644) }
        try keyPEM(passphrase: passphrase).withUnsafeBytes { bytes in
            try NewFile.create(bytes, to: files.key, mode: 0o600)
        }
        return files
    }
}

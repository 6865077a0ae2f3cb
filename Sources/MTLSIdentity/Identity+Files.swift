import SecretMemory

/// Identities in files. They are read when they are first wanted, and again when they have changed: see
/// ``Identity/reload()``. What keeps them from being used is an
/// ``MTLSError`` that names the file: among others, a certificate that is not valid on that day.
extension Identity {
    /// A certificate chain and a key in files, which may be one and the same.
    ///
    /// - Parameters:
    ///   - certificate: The file of the leaf and its issuers, in order, in PEM; or of the leaf alone in DER.
    ///   - key: The file of the key in PEM or DER: PKCS#8, PKCS#1 or SEC1, encrypted or not; nil when it is in the
    ///     certificate's file.
    ///   - passphrase: Where the passphrase of an encrypted key comes from.
    ///   - keyFile: What is demanded of the key's file.
    public static func pem(
        certificate: String, key: String? = nil, passphrase: SecretSource? = nil, keyFile: KeyFilePolicy = .warn
    ) -> Identity {
        pem(certificates: [certificate], key: key ?? certificate, passphrase: passphrase, keyFile: keyFile)
    }

    /// A certificate chain that is spread over files, and a key.
    ///
    /// - Parameters:
    ///   - certificates: The files of the leaf and its issuers, in order.
    ///   - key: The file of the key.
    ///   - passphrase: Where the passphrase of an encrypted key comes from.
    ///   - keyFile: What is demanded of the key's file.
    public static func pem(
        certificates: [String], key: String, passphrase: SecretSource? = nil, keyFile: KeyFilePolicy = .warn
    ) -> Identity {
        loading(
            PEMIdentity(
                certificates: certificates.map { .file($0) }, key: .file(key), passphrase: passphrase, policy: keyFile))
    }

    /// A certificate chain and a key in PEM or DER, in memory. The bytes are copied into locked memory; wipe your own.
    public static func pem(
        certificate: [UInt8], key: [UInt8], passphrase: SecretSource? = nil
    ) -> Identity {
        loading(
            PEMIdentity(
                certificates: [.bytes(certificate, "the PEM bytes of the certificate")],
                key: .bytes(key, "the PEM bytes of the key"), passphrase: passphrase, policy: .ignore))
    }

    /// A certificate chain in PEM text and a key in memory. The key is never text: a `String` cannot be wiped, and copies
    /// itself as it pleases.
    public static func pem(
        certificateText: String, key: [UInt8], passphrase: SecretSource? = nil
    ) -> Identity {
        pem(certificate: Array(certificateText.utf8), key: key, passphrase: passphrase)
    }

    /// A PKCS#12 file (`.p12`, `.pfx`) with one key, its certificate, and perhaps its issuers, in any order.
    ///
    /// The file must have a MAC, which is verified first. An encryption or MAC that takes more than ten million
    /// iterations altogether is refused.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - passphrase: Where the passphrase comes from. It is asked for when the empty one does not do.
    ///   - keyFile: What is demanded of the file.
    public static func pkcs12(
        _ path: String, passphrase: SecretSource? = nil, keyFile: KeyFilePolicy = .warn
    ) -> Identity {
        loading(PKCS12Identity(place: .file(path), passphrase: passphrase, policy: keyFile))
    }

    /// PKCS#12 in memory. The bytes are copied into locked memory; wipe your own.
    public static func pkcs12(_ bytes: [UInt8], passphrase: SecretSource? = nil) -> Identity {
        loading(
            PKCS12Identity(place: .bytes(bytes, "the PKCS#12 bytes given"), passphrase: passphrase, policy: .ignore))
    }

    /// One file with certificate and key: PKCS#12 or PEM, as its contents show.
    ///
    /// - Parameters: As for ``pkcs12(_:passphrase:keyFile:)``.
    public static func file(
        _ path: String, passphrase: SecretSource? = nil, keyFile: KeyFilePolicy = .warn
    ) -> Identity {
        loading(SingleFileIdentity(path: path, passphrase: passphrase, policy: keyFile))
    }

    private static func loading(_ identity: some FileIdentity) -> Identity { Identity(identity.rotating()) }
}

extension IdentityPlace {
    fileprivate static func bytes(_ bytes: [UInt8], _ name: String) -> IdentityPlace {
        .bytes(bytes.withUnsafeBytes { SecretBytes(copying: $0) }, name)
    }
}

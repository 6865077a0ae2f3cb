/// Names for what is found where a private key was wanted.
enum KeyImpostors {
    /// - Parameter labels: Of the PEM blocks in `text`.
    static func name(_ labels: [String], _ text: UnsafeRawBufferPointer) -> String? {
        labels.lazy.compactMap(name).first ?? plain(text)
    }

    static func name(_ label: String) -> String? {
        switch label {
        case "CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE": "a certificate"
        case "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST": "a certificate request"
        case "PUBLIC KEY", "RSA PUBLIC KEY": "a public key"
        case "PKCS12": "PKCS#12, which is an identity of its own"
        case "PKCS7", "CMS": "PKCS#7"
        case "X509 CRL": "a revocation list"
        case "EC PARAMETERS", "DH PARAMETERS": "parameters"
        case "PGP PRIVATE KEY BLOCK", "PGP PUBLIC KEY BLOCK": "an OpenPGP key"
        default: nil
        }
    }

    private static func plain(_ text: UnsafeRawBufferPointer) -> String? {
        let names = [
            ("ssh-", "an SSH public key"), ("ecdsa-sha2-", "an SSH public key"), ("sk-ssh-", "an SSH public key"),
            ("---- BEGIN SSH2 PUBLIC KEY", "an SSH public key"), ("PuTTY-User-Key-File", "a key of PuTTY"),
        ]
        return names.first { text.starts(with: $0.0.utf8) }?.1
    }
}

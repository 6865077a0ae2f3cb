/// Why a private key cannot be read. It never holds anything of the key or its passphrase.
package enum PrivateKeyError: Error, Sendable, Hashable {
    /// There is no private key; but perhaps something else that is known, such as "a public key".
    case notAKey(found: String? = nil)
    /// The key is encrypted, and no passphrase was given.
    case passphraseMissing
    /// The passphrase does not open the key.
    case passphraseIncorrect
    /// There is a private key, but it is damaged, or so unknown to GnuTLS that it looks damaged.
    case malformed(String)
    /// There is a private key, of a kind or with an encryption that cannot be used. The command converts it, where one
    /// does: FILE and NEW in it stand for names.
    case unsupported(String, command: String? = nil)
}

extension PrivateKeyError {
    /// An encryption that other programs can undo.
    static func unsupportedEncryption(_ what: String) -> PrivateKeyError {
        .unsupported(what, command: "openssl pkcs8 -topk8 -v2 aes-256-cbc -in FILE -out NEW")
    }
}

extension PrivateKeyError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .notAKey(let found?): "it holds \(found), and no private key"
        case .notAKey(nil): "there is no BEGIN … PRIVATE KEY line"
        case .passphraseMissing: "the key is encrypted and needs a passphrase"
        case .passphraseIncorrect: "the passphrase does not open the key"
        case .malformed(let detail): "the key is damaged, or of a kind that is not known: \(detail)"
        case .unsupported(let detail, _): "this cannot be used as a key: \(detail)"
        }
    }
}

/// Why a private key cannot be read. It never holds anything of the key or its passphrase.
package enum PrivateKeyError: Error, Sendable, Hashable {
    /// There is no private key in the text.
    case notAKey
    /// The key is encrypted, and no passphrase was given.
    case passphraseMissing
    /// The passphrase does not open the key.
    case passphraseIncorrect
    /// There is a private key, but it is damaged, or so unknown to GnuTLS that it looks damaged.
    case malformed(String)
    /// There is a private key, of a kind or with an encryption that cannot be used.
    case unsupported(String)
}

extension PrivateKeyError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .notAKey: "there is no BEGIN … PRIVATE KEY line"
        case .passphraseMissing: "the key is encrypted and needs a passphrase"
        case .passphraseIncorrect: "the passphrase does not open the key"
        case .malformed(let detail): "the key is damaged, or of a kind that is not known: \(detail)"
        case .unsupported(let detail): "this cannot be used as a key: \(detail)"
        }
    }
}

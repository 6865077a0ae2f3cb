/// Why a PKCS#12 file gives no identity. It never holds anything of the keys or the passphrase.
package enum PKCS12Error: Error, Sendable, Hashable {
    /// It is no PKCS#12, or damaged.
    case malformed(String)
    /// It is encrypted or authenticated in a way that cannot be used.
    case unsupported(String)
    /// The empty passphrase does not open it, and no other was given.
    case passphraseMissing
    /// The passphrase does not open it.
    case passphraseIncorrect
    case noKey
    case severalKeys(Int)
    case noCertificate
    /// More than one certificate is the key's.
    case severalCertificates([String])
    /// None of the certificates, of which these are the subjects, is the key's.
    case keyMismatch([String])
}

extension PKCS12Error: CustomStringConvertible {
    package var description: String {
        switch self {
        case .malformed(let detail): "it is damaged, or no PKCS#12: \(detail)"
        case .unsupported(let detail): "it has \(detail)"
        case .passphraseMissing: "it needs a passphrase"
        case .passphraseIncorrect: "the passphrase does not open it"
        case .noKey: "it holds no private key"
        case .severalKeys(let count): "it holds \(count) private keys, where one is wanted"
        case .noCertificate: "it holds no certificate"
        case .severalCertificates(let subjects):
            "it holds \(subjects.count) certificates of its key, where one is wanted: "
                + subjects.map { "\"\($0)\"" }.joined(separator: ", ")
        case .keyMismatch(let subjects):
            "its key belongs to none of its certificates: " + subjects.map { "\"\($0)\"" }.joined(separator: ", ")
        }
    }
}

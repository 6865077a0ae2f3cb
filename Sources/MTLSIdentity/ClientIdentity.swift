public import GnuTLS
import MTLSCore
import Synchronization

/// A certificate chain with the key of its leaf, ready for handshakes.
///
/// The key may be in memory or in a token. One value serves any number of connections at once.
public final class ClientIdentity: Sendable {
    package let certifiedKey: CertifiedKey

    /// Where the key is, for people: a file's name or a token's URI.
    public let source: String

    /// Whether the key is in a token, so that each full handshake costs a signature there.
    public let isInToken: Bool

    /// SHA-256 of the leaf, its public key and ``source``: the same for the same identity however often it is loaded,
    /// another after its certificate or key was replaced.
    package let fingerprint: [UInt8]

    /// What is doubtful about the way the key is kept, one line each: see ``KeyFilePolicy``.
    public let warnings: [String]

    private let hasWarned = Atomic(false)
    let succession = Succession()

    /// The certificate chain, the leaf first.
    public var chain: [Certificate] { certifiedKey.chain }

    /// The leaf's subject as RFC 4514 writes it.
    public var subject: String { chain.first?.subject ?? "" }

    package init(certifiedKey: CertifiedKey, source: String, isInToken: Bool, warnings: [String] = []) {
        self.certifiedKey = certifiedKey
        self.source = source
        self.isInToken = isInToken
        let key = (try? certifiedKey.publicKey.keyID()) ?? []
        let all = (certifiedKey.chain.first?.der ?? []) + key + Array(source.utf8)
        fingerprint = (try? HashAlgorithm.sha256.hash(of: all)) ?? all
        self.warnings = warnings
    }

    /// The warnings, to whoever asks first; then none.
    package func takeWarnings() -> [String] {
        warnings.isEmpty || hasWarned.exchange(true, ordering: .relaxed) ? [] : warnings
    }

    /// Whether the key can sign in TLS 1.3, which has done with RSASSA-PKCS1-v1_5 (RFC 8446 §4.2.3).
    package var signsInTLS13: Bool {
        certifiedKey.publicKey.schemes.contains { !$0.isRSAPKCS1 && supports($0) }
    }

    /// Whether the key can sign by `scheme`.
    package func supports(_ scheme: SignatureScheme) -> Bool {
        switch certifiedKey.key {
        case .software(let key): key.publicKey.schemes.contains(scheme)
        case .external(let signer): signer.supports(scheme)
        }
    }
}

extension ClientIdentity: CustomStringConvertible {
    /// The subject and the place of the key.
    public var description: String { "\"\(subject)\" (\(source))" }
}

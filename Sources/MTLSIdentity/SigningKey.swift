public import GnuTLS
import MTLSCore
import PKCS11
import Synchronization

/// A private key that lives elsewhere: in a key management service, with a remote signer, in an enclave.
///
/// What it returns is verified with the certificate's public key before it goes out. It is asked for a signature only
/// after the server was verified, and on threads of its own: it may take its time, and delays no other connection.
public protocol SigningKey: Sendable {
    /// The public half; it must be that of the certificate.
    var publicKey: PublicKey { get }

    /// The schemes by which it can sign. TLS 1.3 needs RSASSA-PSS of RSA keys.
    var schemes: [SignatureScheme] { get }

    /// Signs.
    ///
    /// - Parameters:
    ///   - input: A digest, or for EdDSA the whole message.
    ///   - scheme: One of ``schemes``.
    /// - Returns: The signature as TLS carries it (RFC 8446 §4.2.3): ECDSA in DER.
    /// - Throws: What the request shall fail with; an ``MTLSError`` is passed on as it is.
    func sign(_ input: KeyInput, scheme: SignatureScheme) async throws -> [UInt8]
}

/// What a ``SigningKey`` signs.
public enum KeyInput: Sendable, Hashable {
    /// A digest, made by the scheme's hash.
    case digest([UInt8])
    /// A whole message, for EdDSA.
    case message([UInt8])

    /// The bytes of either.
    public var bytes: [UInt8] {
        switch self {
        case .digest(let bytes), .message(let bytes): bytes
        }
    }
}

extension Identity {
    /// A key that lives elsewhere, with its certificate chain in a PEM file.
    public static func signing(_ key: some SigningKey, certificate path: String) -> Identity {
        Identity(
            signingIdentity(files: [path]) {
                let chain = try await BlockingWork.run { try IdentityFile.chain(path) }
                return (chain, key)
            })
    }

    /// A key that lives elsewhere, with its certificate chain, the leaf first.
    public static func signing(_ key: some SigningKey, chain: [Certificate]) -> Identity {
        Identity(signingIdentity(files: []) { (chain, key) })
    }
}

private func signingIdentity(
    files: [String], _ make: @escaping @Sendable () async throws -> ([Certificate], any SigningKey)
) -> RotatingIdentity {
    RotatingIdentity(files: files) { _ in
        let (chain, key) = try await make()
        guard let leaf = chain.first, leaf.publicKey == key.publicKey else {
            throw MTLSError(
                .keyMismatch, phase: .identity, fault: .caller,
                "the signing key does not belong to the certificate \"\(chain.first?.subject ?? "")\"")
        }
        let signer = RemoteSigner(key: key, subject: leaf.subject)
        return [
            ClientIdentity(
                certifiedKey: try CertifiedKey(chain: chain, key: .external(signer)), source: "a signing key",
                isInToken: true)
        ]
    }
}

/// Lets a handshake wait for a ``SigningKey``, on a thread of a lane that the key has for itself.
final class RemoteSigner: ExternalSigner {
    let lane: any SigningLane
    private let key: any SigningKey
    private let subject: String
    private let failures = Atomic(0)

    init(key: any SigningKey, subject: String) {
        self.key = key
        self.subject = subject
        lane = ThreadLane(lane: TokenLane("the signing key of \"\(subject)\"", limit: 16))
    }

    var publicKey: PublicKey { key.publicKey }

    /// Each failure begins another: the key may have been withdrawn.
    var epoch: KeyEpoch { KeyEpoch(refusals: failures.load(ordering: .relaxed)) }

    func supports(_ scheme: SignatureScheme) -> Bool {
        publicKey.schemes.contains(scheme) && key.schemes.contains(scheme)
    }

    func sign(_ input: SigningInput) throws -> [UInt8] {
        let (bytes, scheme): (KeyInput, SignatureScheme)
        switch input {
        case .digest(let digest, let wanted): (bytes, scheme) = (.digest(digest), wanted)
        case .message(let message, let wanted): (bytes, scheme) = (.message(message), wanted)
        case .digestInfo(let info):
            guard let (digest, wanted) = DigestInfo.decode(info) else {
                throw MTLSError(.mechanismMissing, phase: .sign, fault: .us, "a DigestInfo cannot be read")
            }
            (bytes, scheme) = (.digest(digest), wanted)
        }
        let signature = try answer(bytes, scheme)
        let isGood =
            switch bytes {
            case .digest(let digest): publicKey.verify(signature, ofHash: digest, scheme: scheme)
            case .message(let message): publicKey.verify(signature, of: message, scheme: scheme)
            }
        guard isGood else {
            throw MTLSError(
                .signatureInvalid, phase: .sign, fault: .token,
                "the signing key returned a signature that the public key of \"\(subject)\" does not verify")
        }
        return signature
    }

    private func answer(_ input: KeyInput, _ scheme: SignatureScheme) throws(MTLSError) -> [UInt8] {
        do {
            return try BlockingWork.wait { [key] in try await key.sign(input, scheme: scheme) }
        } catch {
            failures.add(1, ordering: .relaxed)
            if let error = error as? MTLSError { throw error }
            throw MTLSError(
                .tokenFailed, phase: .sign, fault: .token, "the signing key of \"\(subject)\" failed: \(error)",
                underlying: error)
        }
    }
}

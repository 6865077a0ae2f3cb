import Synchronization

@testable import GnuTLS

/// A refusal or failure that a test can recognise.
struct Marked: Error, Equatable {
    let mark: String
}

/// A key that behaves as if it were elsewhere.
final class RecordingSigner: ExternalSigner {
    struct Lane: SigningLane {
        func submit(_ job: @escaping @Sendable () -> Void) throws -> any LaneTicket {
            throw Marked(mark: "the session does not submit")
        }
    }

    private let key: PrivateKey
    private let refused: Set<SignatureScheme>
    private let failure: Marked?
    private let state = Mutex<[SigningInput]>([])

    init(_ key: PrivateKey, refusing refused: Set<SignatureScheme> = [], failure: Marked? = nil) {
        self.key = key
        self.refused = refused
        self.failure = failure
    }

    var publicKey: PublicKey { key.publicKey }
    var lane: any SigningLane { Lane() }
    /// What was signed.
    var inputs: [SigningInput] { state.withLock { $0 } }

    func supports(_ scheme: SignatureScheme) -> Bool {
        publicKey.schemes.contains(scheme) && !refused.contains(scheme)
    }

    func sign(_ input: SigningInput) throws -> [UInt8] {
        state.withLock { $0.append(input) }
        if let failure { throw failure }
        switch input {
        case .digestInfo(let info):
            // The lengths of DigestInfo with SHA-256, 384 and 512 (RFC 8017 §9.2).
            let schemes: [Int: SignatureScheme] = [51: .rsaPKCS1SHA256, 67: .rsaPKCS1SHA384, 83: .rsaPKCS1SHA512]
            guard let scheme = schemes[info.count] else { throw Marked(mark: "no DigestInfo") }
            return try key.sign(hash: Array(info.dropFirst(19)), scheme: scheme)
        case .digest(let digest, let scheme):
            return try key.sign(hash: digest, scheme: scheme)
        case .message(let message, let scheme):
            return try key.sign(message, scheme: scheme)
        }
    }
}

/// An authority, a server's key and a client's, made once: the tests only read them.
struct SessionWorld: Sendable {
    let authority: Certificate
    let server: CertifiedKey
    let client: CertifiedKey
    let clientKey: PrivateKey

    private init(_ kind: KeyKind) throws {
        let root = try TestAuthority()
        authority = root.certificate
        func leaf(_ name: String) throws -> (Certificate, PrivateKey) {
            let key = try SlowKeys.key(kind)
            let builder = CertificateBuilder(subject: [.commonName(name)], publicKey: key.publicKey)
            return (try builder.sign(issuer: root.certificate, key: root.key), key)
        }
        let (serverLeaf, serverKey) = try leaf("server")
        server = try CertifiedKey(chain: [serverLeaf], key: .software(serverKey))
        let (clientLeaf, key) = try leaf("client")
        clientKey = key
        client = try CertifiedKey(chain: [clientLeaf], key: .software(key))
    }

    private static let rsa = Result { try SessionWorld(.rsa(bits: 2048)) }
    private static let p256 = Result { try SessionWorld(.ecdsaP256) }
    private static let ed25519 = Result { try SessionWorld(.ed25519) }

    static func with(_ kind: KeyKind) throws -> SessionWorld {
        switch kind {
        case .rsa: try rsa.get()
        case .ed25519: try ed25519.get()
        default: try p256.get()
        }
    }

    static let kinds: [KeyKind] = [.rsa(bits: 2048), .ecdsaP256, .ed25519]

    func external(_ signer: RecordingSigner) throws -> CertifiedKey {
        try CertifiedKey(chain: client.chain, key: .external(signer))
    }

    func context(_ role: TLSContext.Role, _ version: TLSVersion, alpn: [String] = [], priority: String? = nil) throws
        -> TLSContext
    {
        let options = TLSOptions(
            minimumVersion: version, maximumVersion: version, applicationProtocols: alpn, priority: priority)
        return try TLSContext(role: role, options: options, acceptedIssuers: role == .server ? [authority] : [])
    }

    /// Two sides that have not begun.
    func pair(
        _ version: TLSVersion, demand: ClientCertificateDemand = .required, client certified: CertifiedKey? = nil,
        serverName: String? = nil, clientALPN: [String] = [], serverALPN: [String] = [], priority: String? = nil,
        choose: ((CertificateRequest) throws -> CertifiedKey?)? = nil
    ) throws -> SessionPair {
        let clientSide = try Side(
            context(.client, version, alpn: clientALPN, priority: priority), serverName: serverName,
            choose: choose ?? { _ in certified })
        let key = server
        let serverSide = try Side(
            context(.server, version, alpn: serverALPN, priority: priority), clientCertificate: demand,
            choose: { _ in key })
        return SessionPair(client: clientSide, server: serverSide)
    }

    /// Two sides whose handshake is over.
    func connected(
        _ version: TLSVersion, demand: ClientCertificateDemand = .ignored, priority: String? = nil
    ) throws -> SessionPair {
        let pair = try pair(version, demand: demand, client: client, priority: priority)
        pair.shake()
        return pair
    }
}

public import DevPKI
public import GnuTLS
import Glibc
import MTLSCore
public import MTLSIdentity
import PKCS11
import SecretMemory
import Synchronization

/// A SoftHSM token with a key and a certificate, for one test.
///
/// ```swift
/// let token = try await SoftHSMToken(issuedBy: authority, commonName: "alice")
/// let client = try Client(server.url, identity: token.identity, trust: .certificates([authority.root]))
/// ```
///
/// Tokens live in a directory of the process, which goes when the process exits. Each has its own key store, so that
/// parallel tests do not meet.
public final class SoftHSMToken: Sendable {
    /// The token's label.
    public let label: String
    /// The path of SoftHSM's module.
    public let modulePath: String
    let token: Token
    let provisioner: TokenProvisioner
    private let lastID = Mutex<UInt8>(0)

    /// Makes an empty token.
    ///
    /// - Throws: ``MTLSError``, with ``MTLSError/Code/tokenModuleUnavailable`` when SoftHSM is not installed.
    public init() async throws {
        token = try await SoftHSMStore.takeToken()
        label = token.label
        modulePath = SoftHSMStore.modulePath ?? ""
        provisioner = TokenProvisioner(token, pin: SoftHSMStore.pin)
    }

    /// Makes a token with a key that was generated in it, and a client's certificate for that key.
    ///
    /// - Parameters:
    ///   - authority: Issues the certificate.
    ///   - commonName: The subject of the certificate.
    ///   - key: The kind of key.
    public convenience init(
        issuedBy authority: CertificateAuthority, commonName: String = "client", key: GnuTLS.KeyKind = .ecdsaP256
    ) async throws {
        try await self.init()
        try await issue(by: authority, commonName: commonName, key: key, label: "client")
    }

    /// The token's URI, which names no object.
    public var uri: String { "pkcs11:token=\(label)" }

    /// The URI of the key and certificate with a label.
    public func uri(object: String) -> String {
        var uri = PKCS11URI()
        uri.token = Array(label.utf8)
        uri.object = Array(object.utf8)
        return uri.formatted
    }

    /// The number of its slot.
    package var slot: UInt { token.slotWhenFound }

    /// Where the PIN comes from.
    public var pin: SecretSource { .closure { _ in SoftHSMStore.pin } }

    /// The identity that ``init(issuedBy:commonName:key:)`` made.
    public var identity: Identity { identity(object: "client") }

    /// The identity of the key and certificate with a label.
    ///
    /// - Parameters:
    ///   - module: The path of a module in front of SoftHSM, in place of SoftHSM's own.
    ///   - sessions: How many signatures the token is asked for at once.
    public func identity(object: String, module: String? = nil, sessions: Int? = nil) -> Identity {
        .token(uri(object: object), pin: pin, module: module ?? modulePath, sessions: sessions)
    }

    /// Generates a key in the token that cannot leave it.
    ///
    /// - Returns: The public half.
    public func generateKey(_ kind: GnuTLS.KeyKind, label: String) async throws -> PublicKey {
        try await generateKey(kind, label: label, id: nextID())
    }

    /// Generates a key in the token and stores a client's certificate for it under the same label.
    @discardableResult
    public func issue(
        by authority: CertificateAuthority, commonName: String, key kind: GnuTLS.KeyKind = .ecdsaP256, label: String,
        validity: Validity = .hours(24)
    ) async throws -> Certificate {
        let id = nextID()
        let key = try await generateKey(kind, label: label, id: id)
        let certificate = try authority.issueClient(commonName: commonName, publicKey: key, validity: validity)
        for (number, one) in ([certificate] + authority.intermediates).enumerated() {
            try await store(one, label: number == 0 ? label : "\(label)-issuer-\(number)", id: number == 0 ? id : [])
        }
        return certificate
    }

    /// Stores a certificate.
    public func store(_ certificate: Certificate, label: String, id: [UInt8]) async throws {
        try await manage { [provisioner] in
            try provisioner.importCertificate(
                certificate.der, subjectDER: certificate.rawSubject, issuerDER: certificate.rawIssuer, label: label,
                id: id)
        }
    }

    /// Writes the PIN to a file, mode 0600, that goes with the process.
    ///
    /// - Returns: Its path.
    public func writePINFile() throws -> String {
        let path = "\(SoftHSMStore.directory)/pin-\(UInt64.random(in: 0 ... .max))"
        try SoftHSMStore.pin.withUnsafeBytes { try TemporaryTree.write(Array($0), to: path) }
        return path
    }

    /// The configuration that other processes need, as `SOFTHSM2_CONF`, to see the token.
    public var configurationPath: String { SoftHSMStore.directory + "/softhsm2.conf" }

    func nextID() -> [UInt8] {
        lastID.withLock { id in
            id &+= 1
            return [id]
        }
    }

    private func generateKey(_ kind: GnuTLS.KeyKind, label: String, id: [UInt8]) async throws -> PublicKey {
        let wanted: PKCS11.KeyKind
        switch kind {
        case .rsa(let bits): wanted = .rsa(bits: bits)
        case .ecdsaP256: wanted = .ecP256
        case .ecdsaP384: wanted = .ecP384
        case .ecdsaP521: wanted = .ecP521
        case .ed25519: wanted = .ed25519
        case .rsaPSS, .ed448:
            throw MTLSError(
                .mechanismMissing, phase: .prepare, fault: .caller, "SoftHSM does not make keys of the kind \(kind)")
        }
        return try PublicKey(
            try await manage { [provisioner] in try provisioner.generateKeyPair(wanted, label: label, id: id) })
    }

    func manage<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        do {
            return try await BlockingWork.run(body)
        } catch let error as PKCS11Error {
            throw MTLSError.token(error, phase: .prepare)
        }
    }
}

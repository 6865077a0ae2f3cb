import CountingModuleSupport
import MTLSTestKit
import PKCS11
import SecretMemory
import Testing

/// The software tokens of this test process, each for one test: those of the test kit, because SoftHSM reads its
/// configuration once per process.
enum SoftHSM {
    static var modulePath: String { SoftHSMStore.modulePath ?? "" }
    static var pin: String { SoftHSMStore.pin.withUnsafeBytes { String(decoding: $0, as: UTF8.self) } }

    /// A token that no other test uses.
    static func nextToken() async throws -> Token { try await SoftHSMStore.takeToken() }
}

/// A secret of a test.
func secret(_ text: String) -> SecretBytes {
    var bytes = Array(text.utf8)
    return SecretBytes(wiping: &bytes)
}

/// A token of a test's own, seen through a module that counts.
struct TestToken: Sendable {
    let counting: CountingModule
    /// The token, behind the module that counts.
    let token: Token
    /// Works on the same token past the module that counts.
    let provisioner: TokenProvisioner

    /// - Parameters:
    ///   - isAlone: Whether the module shows this token alone. To look for it among those of all tests would take most
    ///     of the time.
    ///   - change: What is made of the module before the token is looked for.
    init(isAlone: Bool = true, _ change: (CountingModule) -> Void = { _ in }) async throws {
        let behind = try await SoftHSM.nextToken()
        provisioner = TokenProvisioner(behind, pin: secret(SoftHSM.pin))
        let counting = try CountingModule(inFrontOf: SoftHSM.modulePath)
        if isAlone { counting.insertToken(behind.slotWhenFound, in: behind.slotWhenFound) }
        change(counting)
        self.counting = counting
        token = try await Token.searchLane.run { () throws(PKCS11Error) in
            try Token.find(behind.uri, in: try PKCS11Module.load(path: counting.path))
        }
    }

    /// The token's slot in SoftHSM.
    var slot: UInt {
        get async throws {
            let (module, serial) = (token.module, token.info.serial)
            let tokens = try await Token.searchLane.run { () throws(PKCS11Error) in try module.tokens() }
            return try #require(tokens.first { $0.token.serial == serial }?.slot.id)
        }
    }

    @discardableResult
    func generate(
        _ kind: PKCS11.KeyKind, label: String = "key", id: [UInt8] = [1], alwaysAuthenticate: Bool = false
    ) async throws -> PublicKeyMaterial {
        try await Token.searchLane.run { () throws(PKCS11Error) in
            try provisioner.generateKeyPair(kind, label: label, id: id, alwaysAuthenticate: alwaysAuthenticate)
        }
    }

    func verify(
        _ signature: [UInt8], of data: [UInt8], _ mechanism: SigningMechanism, id: [UInt8] = [1]
    ) async throws {
        try await Token.searchLane.run { () throws(PKCS11Error) in
            try provisioner.verify(signature, of: data, mechanism, id: id)
        }
    }

    func key(
        _ selector: TokenKey.Selector = .id([1]), pin: (any PINProvider)? = KnownPIN(secret(SoftHSM.pin))
    ) -> TokenKey {
        TokenKey(token, selector, pin: pin)
    }
}

extension TokenKey {
    /// Signs on the token's lane.
    func signature(
        _ mechanism: SigningMechanism = .ecdsa, _ data: [UInt8] = [UInt8](repeating: 7, count: 32)
    ) async throws(PKCS11Error) -> [UInt8] {
        try await token.lane.run { () throws(PKCS11Error) in try self.sign(mechanism, data) }
    }
}

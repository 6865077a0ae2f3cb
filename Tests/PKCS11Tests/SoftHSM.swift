import CountingModuleSupport
import Glibc
import PKCS11
import SecretMemory
import Testing

/// The software token store of this test process. SoftHSM reads its configuration once, so there is one directory, and
/// each test takes a token of its own from it.
///
/// The tokens are made before the first test uses one: SoftHSM changes its table of slots when a token is made, without
/// a lock.
actor SoftHSM {
    static let shared = SoftHSM()
    /// Where distributions put it.
    static let modulePath =
        ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so", "/usr/lib/libsofthsm2.so"]
        .first { (path: String) in access(path, R_OK) == 0 } ?? "/usr/lib/softhsm/libsofthsm2.so"
    static let pin = "271828"
    static let soPIN = "soso-141421"
    private static let tokenCount = 150

    private var made: Task<[Token], any Error>?
    private var used = 0

    /// A token that no other test uses.
    func nextToken() async throws -> Token {
        _ = Self.directory
        let task =
            made
            ?? Task {
                try await Token.searchLane.run { () throws(PKCS11Error) -> [Token] in
                    let module = try PKCS11Module.load(path: Self.modulePath)
                    var tokens: [Token] = []
                    for number in 0..<Self.tokenCount {
                        tokens.append(
                            try TokenProvisioner.initializeToken(
                                in: module, label: "test \(number)", soPIN: secret(Self.soPIN), pin: secret(Self.pin)))
                    }
                    return tokens
                }
            }
        made = task
        let tokens = try await task.value
        try #require(used < tokens.count, "raise tokenCount")
        used += 1
        return tokens[used - 1]
    }

    private static let directory: String = {
        // Each object is written with fsync: in memory that costs nothing.
        let place = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
        var template = Array("\(place)/pkcs11-tests-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { return "" }
        let directory = String(cString: made)
        let configuration = "directories.tokendir = \(directory)\nobjectstore.backend = file\nlog.level = ERROR\n"
        let path = directory + "/softhsm2.conf"
        let file = open(path, O_WRONLY | O_CREAT, 0o600)
        _ = write(file, configuration, configuration.utf8.count)
        close(file)
        setenv("SOFTHSM2_CONF", path, 1)
        atexit { removeTree(SoftHSM.directory) }
        return directory
    }()
}

private func removeTree(_ path: String) {
    guard !path.isEmpty else { return }
    if let directory = opendir(path) {
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { removeTree(path + "/" + name) }
        }
        closedir(directory)
    }
    remove(path)
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

    /// - Parameter change: What is made of the module before the token is looked for.
    init(_ change: (CountingModule) -> Void = { _ in }) async throws {
        let behind = try await SoftHSM.shared.nextToken()
        provisioner = TokenProvisioner(behind, pin: secret(SoftHSM.pin))
        let counting = try CountingModule(inFrontOf: SoftHSM.modulePath)
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
        _ kind: KeyKind, label: String = "key", id: [UInt8] = [1], alwaysAuthenticate: Bool = false
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

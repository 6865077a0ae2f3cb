import Glibc
import MTLSCore
import MTLSIdentity
package import PKCS11
package import SecretMemory
import Synchronization

/// The tokens of this process: SoftHSM reads its configuration once, so there is one directory of them.
///
/// They are made in batches before anybody uses one of the batch: SoftHSM 2.6 changes its table of slots without a lock
/// when it makes a token.
package enum SoftHSMStore {
    /// How many tokens there are: `MTLS_TESTKIT_TOKENS`, or 48.
    private static let batch = getenv("MTLS_TESTKIT_TOKENS").flatMap { Int(String(cString: $0)) } ?? 48
    private static let tokens = AsyncOnce<FreeTokens> { try await BlockingWork.run { try make() } }

    /// A token that nobody else has.
    package static func takeToken() async throws -> Token {
        if let token = try await tokens.value().take() { return token }
        throw MTLSError(
            .tokenNotFound, phase: .prepare, fault: .caller, "all \(batch) SoftHSM tokens of this process are taken",
            advice: "let tests that do not change their token share it, or set MTLS_TESTKIT_TOKENS to a larger number")
    }

    /// Where SoftHSM's module is; nil where it is not installed.
    package static let modulePath: String? = {
        let places =
            [getenv("SOFTHSM2_MODULE").map { String(cString: $0) }].compactMap { $0 } + [
                "/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so",
                "/usr/lib64/pkcs11/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so",
            ]
        return places.first { access($0, R_OK) == 0 }
    }()

    /// The user's PIN of every token here.
    package static let pin = randomPIN()

    /// A directory of this process, mode 0700, removed when it exits.
    static let directory: String = {
        // Making a token writes and syncs small files: in memory that takes a third of the time.
        let parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
        var template = Array("\(parent)/mtls-testkit-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { return "" }
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        atexit { TemporaryTree.remove(SoftHSMStore.directory) }
        return path
    }()

    private static func make() throws -> FreeTokens {
        guard let modulePath else {
            throw MTLSError(
                .tokenModuleUnavailable, phase: .prepare, fault: .caller, "SoftHSM is not installed",
                advice:
                    "install it (Debian and Ubuntu: apt-get install libsofthsm2), or name its module in SOFTHSM2_MODULE"
            )
        }
        try configure()
        do {
            let module = try PKCS11Module.load(path: modulePath)
            let soPIN = randomPIN()
            let made = try (0..<batch).map { number in
                try TokenProvisioner.initializeToken(
                    in: module, label: "testkit-\(getpid())-\(number)", soPIN: soPIN, pin: pin, isNew: true)
            }
            return FreeTokens(made)
        } catch let error as PKCS11Error {
            throw MTLSError.token(error, phase: .prepare)
        }
    }

    private static func configure() throws {
        let tokens = directory + "/tokens"
        mkdir(tokens, 0o700)
        let path = directory + "/softhsm2.conf"
        try TemporaryTree.write(
            "directories.tokendir = \(tokens)\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n",
            to: path)
        // Read once, when the module is initialised; nothing in it is secret.
        setenv("SOFTHSM2_CONF", path, 1)
    }

    private static func randomPIN() -> SecretBytes {
        SecretBytes(capacity: 8) { memory in
            for index in memory.indices { memory[index] = UInt8.random(in: UInt8(ascii: "0")...UInt8(ascii: "9")) }
            return memory.count
        }
    }
}

/// The tokens that nobody has taken yet.
private final class FreeTokens: Sendable {
    private let tokens: Mutex<[Token]>

    init(_ tokens: [Token]) { self.tokens = Mutex(tokens) }

    func take() -> Token? { tokens.withLock { $0.popLast() } }
}

/// Files that go with the process.
enum TemporaryTree {
    static func write(_ text: String, to path: String) throws {
        try write(Array(text.utf8), to: path)
    }

    static func write(_ bytes: [UInt8], to path: String) throws {
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0, Glibc.write(file, bytes, bytes.count) == bytes.count else {
            throw MTLSError(
                MTLSError.Code(rawValue: "file.unwritable"), phase: .prepare, fault: .caller,
                "the file \"\(path)\" cannot be written: \(String(cString: strerror(errno)))")
        }
        close(file)
    }

    static func remove(_ path: String) {
        guard !path.isEmpty else { return }
        // Links are removed and not followed.
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        if descriptor >= 0, let directory = fdopendir(descriptor) {
            while let entry = readdir(directory) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                if name != "." && name != ".." { remove(path + "/" + name) }
            }
            closedir(directory)
        }
        Glibc.remove(path)
    }
}

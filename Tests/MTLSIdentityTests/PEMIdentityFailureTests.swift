import DevPKI
import Glibc
import GnuTLS
import MTLSCore
import MTLSIdentity
import SecretMemory
import Testing

/// Identities in PEM: what is refused, and how it is said.
@Suite(.timeLimit(.minutes(15))) struct PEMIdentityFailureTests {
    private let issued: IssuedIdentity
    private let other: IssuedIdentity
    private let scratch: Scratch
    private let certificate: String

    init() throws {
        let authority = try CertificateAuthority(commonName: "Test Root")
        issued = try authority.issueClient(commonName: "alice")
        other = try authority.issueClient(commonName: "bob")
        scratch = try Scratch()
        certificate = try scratch.file("alice.pem", issued.certificatePEM)
    }

    /// Every line of the key's base64.
    private func lines(_ pem: [UInt8]) -> [String] {
        String(decoding: pem, as: UTF8.self).split(separator: "\n").filter { !$0.hasPrefix("-") }.map(String.init)
    }

    @Test func aWrongPassphraseIsNamedByTheFileAlone() async throws {
        let key = try scratch.file("key.pem", issued.key(passphrase: "hunter2"))
        let identity = Identity.pem(certificate: certificate, key: key, passphrase: .closure { _ in secret("wrong1") })
        let error = await failure(of: identity, hiding: ["hunter2", "wrong1"])
        #expect(error?.code == .passphraseIncorrect)
        #expect(error?.message.contains(key) == true)
    }

    @Test func aMissingPassphraseSaysWhatToDo() async throws {
        let key = try scratch.file("key.pem", issued.key(passphrase: "hunter2"))
        let none = await failure(of: .pem(certificate: certificate, key: key))
        #expect(none?.code == .passphraseMissing)
        #expect(none?.message.contains(key) == true)
        #expect(none?.advice != nil)
        let declined = await failure(of: .pem(certificate: certificate, key: key, passphrase: .closure { _ in nil }))
        #expect(declined?.code == .passphraseMissing)
        #expect(declined?.message.contains(key) == true)
    }

    @Test func aVariableThatIsNotSetIsNamed() async throws {
        let key = try scratch.file("key.pem", issued.key(passphrase: "hunter2"))
        let error = await failure(
            of: .pem(certificate: certificate, key: key, passphrase: .environment("MTLS_NO_SUCH_VARIABLE")))
        #expect(error?.code == .passphraseMissing)
        #expect(error?.message.contains("MTLS_NO_SUCH_VARIABLE") == true)
    }

    @Test func aPassphraseThatFailsMayBeAskedForAgain() async throws {
        let asked = Counter()
        let identity = try Identity.pem(
            certificate: issued.certificatePEM, key: issued.key(passphrase: "hunter2"),
            passphrase: .closure { _ in secret(asked.add() == 1 ? "wrong1" : "hunter2") })
        #expect(await failure(of: identity)?.code == .passphraseIncorrect)
        #expect(try await identity.candidates(for: anywhere).count == 1)
    }

    @Test func whatTheClosureThrowsIsThrown() async throws {
        struct Refusal: Error {}
        let identity = try Identity.pem(
            certificate: issued.certificatePEM, key: issued.key(passphrase: "x"),
            passphrase: .closure { _ in throw Refusal() })
        await #expect(throws: Refusal.self) { try await identity.candidates(for: anywhere) }
    }

    @Test func aFileWithoutAKeyIsNamed() async throws {
        let error = await failure(of: .pem(certificate: certificate))
        #expect(error?.code == .notAKey)
        #expect(error?.message.contains("\(certificate)\" holds a certificate, and no private key") == true)
    }

    @Test func aKeyOfAnotherCertificateNamesBoth() async throws {
        let key = try scratch.file("bob-key.pem", other.key())
        let error = await failure(of: .pem(certificate: certificate, key: key), hiding: lines(try other.key()))
        #expect(error?.code == .keyMismatch)
        #expect(error?.message.contains(certificate) == true)
        #expect(error?.message.contains(key) == true)
        #expect(error?.message.contains("CN=alice") == true)
    }

    @Test func aMissingFileIsNamed() async throws {
        let missing = scratch.path + "/missing.pem"
        for identity in [
            Identity.pem(certificate: missing), .pem(certificate: certificate, key: missing),
        ] {
            let error = await failure(of: identity)
            #expect(error?.code == .identityFileUnreadable)
            #expect(error?.message.contains(missing) == true)
            #expect(error?.message.contains("No such file") == true)
        }
    }

    @Test func aDirectoryIsNamed() async throws {
        let error = await failure(of: .pem(certificate: scratch.path))
        #expect(error?.code == .identityFileUnreadable)
        #expect(error?.message.contains("directory") == true)
    }

    @Test func anEmptyFileIsNamed() async throws {
        let empty = try scratch.file("empty.pem", [])
        for (identity, code) in [
            (Identity.pem(certificate: empty), MTLSError.Code.identityMalformed),
            (.pem(certificate: certificate, key: empty), .notAKey),
        ] {
            let error = await failure(of: identity)
            #expect(error?.code == code)
            #expect(error?.message.contains(empty) == true)
        }
    }

    @Test func aDeviceIsRefused() async throws {
        for identity in [Identity.pem(certificate: "/dev/zero"), .pem(certificate: certificate, key: "/dev/zero")] {
            let error = await failure(of: identity)
            #expect(error?.code == .identityFileUnreadable)
            #expect(error?.message.contains("it is a device") == true)
        }
    }

    @Test func aHugeFileIsRefused() async throws {
        let huge = try scratch.file("huge.pem", [UInt8](repeating: 10, count: 4 << 20 + 1))
        let error = await failure(of: .pem(certificate: huge))
        #expect(error?.code == .identityFileUnreadable)
        #expect(error?.message.contains("larger than") == true)
    }

    @Test(.disabled(if: getuid() == 0, "root may read everything"))
    func aFileThatMayNotBeReadIsNamed() async throws {
        let path = try scratch.file("locked.pem", issued.certificatePEM)
        chmod(path, 0)
        let error = await failure(of: .pem(certificate: path))
        #expect(error?.code == .identityFileUnreadable)
        #expect(error?.message.contains("Permission denied") == true)
    }

    @Test func aFIFOWithoutAWriterDoesNotHang() async throws {
        let fifo = try scratch.fifo("fifo")
        #expect(await failure(of: .pem(certificate: fifo))?.message.contains(fifo) == true)
        let key = try scratch.file("key.pem", issued.key(passphrase: "hunter2"))
        let error = await failure(of: .pem(certificate: certificate, key: key, passphrase: .file(fifo)))
        #expect(error?.code == .identityFileUnreadable)
        #expect(error?.message.contains(fifo) == true)
    }

    @Test func aDamagedKeyIsNotRepeated() async throws {
        let pem = try issued.key()
        let hidden = lines(pem).flatMap { [$0, String($0.prefix(16))] }
        let whole = String(decoding: pem, as: UTF8.self)
        let damaged = [
            // As it becomes when it goes through a variable or a shell without quotes.
            whole.replacing("\n", with: ""),
            whole.replacing("\n", with: " "),
            whole.replacing("\n", with: "\\n"),
            String(whole.dropLast(12)),
            whole.replacing("-----END", with: "----END"),
            whole.replacing("END PRIVATE KEY", with: "END \(hidden[0])"),
            whole.replacing("BEGIN PRIVATE KEY", with: "BEGIN \(hidden[0])"),
            whole.replacing("-----BEGIN PRIVATE KEY-----\n", with: ""),
            whole.replacing(hidden[0], with: String(hidden[0].dropLast(8)) + "!"),
            whole.replacing(hidden[0], with: hidden[0] + ": x"),
            whole.replacing("PRIVATE KEY", with: "ENCRYPTED PRIVATE KEY"),
            whole.replacing("PRIVATE KEY", with: "RSA PRIVATE KEY"),
            whole.replacing("PRIVATE KEY", with: "CERTIFICATE"),
            whole + whole,
        ]
        for (number, text) in damaged.enumerated() {
            let path = try scratch.file("damaged-\(number).pem", Array(text.utf8))
            for identity in [Identity.pem(certificate: certificate, key: path), .pem(certificate: path)] {
                let error = await failure(of: identity, hiding: hidden)
                let codes = [MTLSError.Code.identityMalformed, .passphraseMissing, .notAKey]
                #expect(codes.contains { $0 == error?.code }, "number \(number)")
                #expect(error?.message.contains(path) == true)
            }
        }
    }
}

import GnuTLS
import SecretMemory
import Testing

/// Which files of keys are read, and what is said of those that are not.
@Suite(.enabled(if: OpenSSL.isInstalled))
struct KeyFormatTests {
    private static let key = "openssl ecparam -name prime256v1 -genkey -noout"

    private func failure(_ file: [UInt8], _ passphrase: SecretBytes? = nil) -> PrivateKeyError? {
        do throws(PrivateKeyError) { _ = try PrivateKey.read(file, passphrase: passphrase) } catch { return error }
        return nil
    }

    @Test(arguments: [
        "openssl genrsa -traditional 2048 | openssl rsa -traditional -outform DER",
        "openssl genrsa 2048 | openssl pkcs8 -topk8 -nocrypt -outform DER",
        "\(key) | openssl ec -outform DER",
        "\(key) | openssl pkcs8 -topk8 -nocrypt -outform DER",
        "openssl genpkey -algorithm ED25519 -outform DER",
        "\(key) | openssl pkcs8 -topk8 -passout pass:right -outform DER",
    ])
    func keysInDERAreRead(command: String) throws {
        let file = OpenSSL.output(command)
        #expect(file.first == 0x30)
        #expect(try PrivateKey.read(file, passphrase: secret("right")).publicKey.bits > 0)
    }

    @Test(
        arguments: ["aes128", "aes192", "aes256", "des3"],
        ["hmacWithSHA1", "hmacWithSHA256", "hmacWithSHA384", "hmacWithSHA512"])
    func everyPBES2IsRead(cipher: String, hash: String) {
        let file = OpenSSL.output(
            "\(Self.key) | openssl pkcs8 -topk8 -v2 \(cipher) -v2prf \(hash) -passout pass:right")
        #expect(failure(file, secret("right")) == nil)
        #expect(failure(file, secret("wrong")) == .passphraseIncorrect)
        #expect(failure(file) == .passphraseMissing)
    }

    @Test(arguments: ["PBE-SHA1-3DES", "PBE-SHA1-RC2-40", "PBE-SHA1-RC4-128", "PBE-MD5-DES"])
    func PBES1IsRead(scheme: String) {
        let file = OpenSSL.output(
            "\(Self.key) | openssl pkcs8 -topk8 -v1 \(scheme) -passout pass:right -provider legacy -provider default")
        #expect(failure(file, secret("right")) == nil)
        #expect(failure(file, secret("wrong")) == .passphraseIncorrect)
    }

    /// GnuTLS 3.7.9 would end the process.
    @Test(arguments: ["-aes256", "-des3"])
    func aPartOfABlockInTheTraditionalEncryptionIsMalformed(cipher: String) throws {
        let file = OpenSSL.output("\(Self.key) | openssl ec \(cipher) -passout pass:right")
        let block = try #require(try PEM.blocks(in: file).first)
        let headers = block.headers.map { "\($0): \($1)" }.sorted().reversed()
        let whole = try block.contents(of: file)
        #expect(failure(PEM.encode(label: block.label, headers: Array(headers), der: whole), secret("right")) == nil)
        for count in [1, 7, whole.count - 1] {
            let part = PEM.encode(label: block.label, headers: Array(headers), der: Array(whole.prefix(count)))
            guard case .malformed = failure(part, secret("right")) else { Issue.record("accepted"); return }
        }
    }

    @Test func scryptIsNamedWithTheCommandThatConvertsIt() {
        let file = OpenSSL.output("\(Self.key) | openssl pkcs8 -topk8 -scrypt -passout pass:right")
        guard case .unsupported(let what, let command?) = failure(file, secret("right")) else {
            Issue.record("not unsupported")
            return
        }
        #expect(what.contains("scrypt"))
        #expect(command.hasPrefix("openssl pkcs8 -topk8"))
    }

    @Test func tooManyIterationsAreRefusedAtOnce() {
        let file = PEM.encode(label: "ENCRYPTED PRIVATE KEY", der: Self.pbes2(iterations: 10_000_001))
        guard case .unsupported(let what, _?) = failure(file, secret("right")) else {
            Issue.record("not refused: \(String(describing: failure(file)))")
            return
        }
        #expect(what.contains("10000001 iterations"))
    }

    @Test(arguments: [0, 16_000_000, 1_000_000_000, Int(UInt32.max), 1 << 33])
    func iterationsThatGnuTLSRefusesAreMalformed(iterations: Int) {
        let file = PEM.encode(label: "ENCRYPTED PRIVATE KEY", der: Self.pbes2(iterations: iterations))
        guard case .malformed = failure(file, secret("right")) else { Issue.record("not refused"); return }
    }

    @Test func aKeyLengthThatDoesNotFitTheCipherIsRefused() {
        let file = PEM.encode(label: "ENCRYPTED PRIVATE KEY", der: Self.pbes2(iterations: 2048, length: 1 << 30))
        guard case .malformed = failure(file, secret("right")) else { Issue.record("not refused"); return }
    }

    @Test(arguments: [
        ("\(key) | openssl ec -pubout", "a public key"),
        ("\(key) | openssl ec -pubout -outform DER", "a public key"),
        ("openssl genrsa 2048 | openssl rsa -RSAPublicKey_out", "a public key"),
        ("openssl genrsa 2048 | openssl rsa -RSAPublicKey_out -outform DER", "a public key"),
        ("openssl ecparam -name prime256v1", "parameters"),
        ("echo ssh-ed25519 AAAAC3NzaC1lZDI1NTE5", "an SSH public key"),
        ("echo PuTTY-User-Key-File-3: ssh-rsa", "a key of PuTTY"),
    ])
    func whatIsNoKeyIsNamed(command: String, name: String) {
        #expect(failure(OpenSSL.output(command)) == .notAKey(found: name))
    }

    @Test func certificatesRequestsAndPKCS12AreNamed() throws {
        let authority = try TestAuthority()
        #expect(failure(authority.certificate.pemEncoded) == .notAKey(found: "a certificate"))
        #expect(failure(authority.certificate.der) == .notAKey(found: "a certificate"))
        let request = "f=$(mktemp); \(Self.key) >$f; openssl req -new -key $f -subj /CN=a"
        #expect(failure(OpenSSL.output("\(request); rm $f")) == .notAKey(found: "a certificate request"))
        #expect(failure(OpenSSL.output("\(request) -outform DER; rm $f")) == .notAKey(found: "a certificate request"))
        let file = try PKCS12File(authority).bytes()
        #expect(failure(file) == .notAKey(found: "PKCS#12, which is an identity of its own"))
    }

    @Test func aKeyOfOpenSSHIsNamedWithTheCommandThatConvertsIt() {
        let file = PEM.encode(label: "OPENSSH PRIVATE KEY", der: Array("openssh-key-v1".utf8))
        guard case .unsupported(let what, let command?) = failure(file) else { Issue.record("accepted"); return }
        #expect(what.contains("OpenSSH"))
        #expect(command.contains("ssh-keygen -p -m PKCS8"))
    }

    /// An EncryptedPrivateKeyInfo with PBKDF2, HMAC-SHA-256 and AES-256-CBC around zeros.
    private static func pbes2(iterations: Int, length: Int? = nil) -> [UInt8] {
        let hash = TestDER.element(0x30, TestDER.oid(0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 2, 9), [5, 0])
        let stretching = TestDER.element(
            0x30, TestDER.oid(0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 5, 12),
            TestDER.element(
                0x30, TestDER.element(4, Array("saltsalt".utf8)), TestDER.integer(iterations),
                length.map(TestDER.integer) ?? [], hash))
        let cipher = TestDER.element(
            0x30, TestDER.oid(0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 0x2A),
            TestDER.element(4, [UInt8](repeating: 0, count: 16)))
        let algorithm = TestDER.element(
            0x30, TestDER.oid(0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 5, 13), TestDER.element(0x30, stretching, cipher))
        return TestDER.element(0x30, algorithm, TestDER.element(4, [UInt8](repeating: 0, count: 48)))
    }
}

import GnuTLS
import SecretMemory
import Testing

struct PrivateKeyTests {
    private func secret(_ text: String) -> SecretBytes {
        var bytes = Array(text.utf8)
        return SecretBytes(wiping: &bytes)
    }

    private func failure(_ pem: [UInt8], _ passphrase: SecretBytes? = nil) -> PrivateKeyError? {
        do throws(PrivateKeyError) { _ = try PrivateKey.read(pem, passphrase: passphrase) } catch { return error }
        return nil
    }

    private func bytes(_ secret: SecretBytes) -> [UInt8] { secret.withUnsafeBytes { Array($0) } }

    @Test(arguments: SlowKeys.kinds)
    func everyKindSurvivesPEM(kind: KeyKind) throws {
        let key = try SlowKeys.key(kind)
        let again = try PrivateKey.read(key.pemEncoded())
        #expect(again.publicKey == key.publicKey)
        let scheme = try #require(again.publicKey.schemes.first)
        #expect(key.publicKey.verify(try again.sign([1, 2, 3], scheme: scheme), of: [1, 2, 3], scheme: scheme))
    }

    @Test(arguments: SlowKeys.kinds)
    func everyKindSurvivesEncryptedPEM(kind: KeyKind) throws {
        let key = try SlowKeys.key(kind)
        let pem = try key.pemEncoded(passphrase: secret("right"))
        #expect(bytes(pem).starts(with: Array("-----BEGIN ENCRYPTED PRIVATE KEY-----".utf8)))
        #expect(try PrivateKey.read(pem, passphrase: secret("right")).publicKey == key.publicKey)
    }

    @Test func aMissingPassphraseIsToldFromAWrongOne() throws {
        let pem = bytes(try PrivateKey.generate(.ecdsaP256).pemEncoded(passphrase: secret("right")))
        #expect(failure(pem) == .passphraseMissing)
        for wrong in ["", "r", "Right", "right "] {
            #expect(failure(pem, secret(wrong)) == .passphraseIncorrect)
        }
    }

    @Test func aPassphraseIsNotCutAtANUL() throws {
        let pem = bytes(try PrivateKey.generate(.ecdsaP256).pemEncoded(passphrase: secret("right")))
        #expect(failure(pem, secret("right\0wrong")) == .unsupported("a passphrase with a NUL byte"))
    }

    @Test func aNeedlessPassphraseIsIgnored() throws {
        let key = try PrivateKey.generate(.ed25519)
        #expect(try PrivateKey.read(key.pemEncoded(), passphrase: secret("any")).publicKey == key.publicKey)
    }

    @Test func theKeyIsFoundBesideItsCertificates() throws {
        let authority = try TestAuthority()
        let pem =
            authority.certificate.pemEncoded + bytes(try authority.key.pemEncoded()) + authority.certificate.pemEncoded
        #expect(try PrivateKey.read(pem).publicKey == authority.certificate.publicKey)
        #expect(try Certificate.chain(pem: pem) == [authority.certificate, authority.certificate])
    }

    @Test func textWithoutAKeyIsNotAKey() {
        #expect(failure([]) == .notAKey())
        #expect(failure(Array("hello".utf8)) == .notAKey())
    }

    @Test func twoKeysAreOneTooMany() throws {
        let pem = bytes(try PrivateKey.generate(.ed25519).pemEncoded())
        guard case .malformed(let detail) = failure(pem + pem) else { Issue.record("accepted"); return }
        #expect(detail == "lines 1 and 4 begin two different keys")
    }

    @Test(arguments: ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"])
    func everyTruncationOfAKeyIsRefused(label: String) throws {
        let pem = bytes(try PrivateKey.generate(.ecdsaP256).pemEncoded())
        let der = try #require(try PEM.blocks(in: pem).first).contents(of: pem)
        for length in 1..<(der.count - 1) {
            let failure = failure(PEM.encode(label: label, der: Array(der.prefix(length))), secret("x"))
            guard case .malformed = failure else {
                Issue.record("\(length) bytes: \(String(describing: failure))")
                return
            }
        }
    }

    @Test(arguments: ["DSA PRIVATE KEY", "TSS2 PRIVATE KEY"])
    func otherFormatsAreUnsupported(label: String) {
        #expect(failure(PEM.encode(label: label, der: [0x30, 0])) == .unsupported("a block \"\(label)\""))
    }

    @Test func brokenPEMIsMalformed() {
        #expect(
            failure(Array("-----BEGIN PRIVATE KEY-----\nAQID\n".utf8))
                == .malformed("line 1: the block \"PRIVATE KEY\" has no END line"))
    }

    @Test func nothingPrintsTheKey() throws {
        let key = try PrivateKey.generate(.ed25519)
        #expect("\(key)" == "<private key>")
        #expect(String(reflecting: key) == "<private key>")
        #expect(Mirror(reflecting: key).children.isEmpty)
    }
}

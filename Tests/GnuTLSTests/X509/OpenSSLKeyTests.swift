import GnuTLS
import SecretMemory
import Testing

/// The formats of keys that GnuTLS reads but does not write.
@Suite(.enabled(if: OpenSSL.isInstalled))
struct OpenSSLKeyTests {
    private func secret(_ text: String) -> SecretBytes {
        var bytes = Array(text.utf8)
        return SecretBytes(wiping: &bytes)
    }

    private func failure(_ pem: [UInt8], _ passphrase: SecretBytes? = nil) -> PrivateKeyError? {
        do throws(PrivateKeyError) { _ = try PrivateKey.read(pem, passphrase: passphrase) } catch { return error }
        return nil
    }

    @Test(arguments: [
        ("openssl genrsa -traditional 2048", "BEGIN RSA PRIVATE KEY", PublicKey.Algorithm.rsa),
        ("openssl ecparam -name prime256v1 -genkey", "BEGIN EC PRIVATE KEY", .ecdsa(.p256)),
        ("openssl ecparam -name secp384r1 -genkey -noout", "BEGIN EC PRIVATE KEY", .ecdsa(.p384)),
        ("openssl genpkey -algorithm ED448", "BEGIN PRIVATE KEY", .ed448),
        ("openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048", "BEGIN PRIVATE KEY", .rsaPSS),
    ])
    func plainKeysAreRead(command: String, label: String, algorithm: PublicKey.Algorithm) throws {
        let pem = OpenSSL.output(command)
        #expect(String(decoding: pem, as: UTF8.self).contains(label))
        #expect(try PrivateKey.read(pem).publicKey.algorithm == algorithm)
    }

    @Test(arguments: [
        "openssl genrsa -traditional -aes256 -passout pass:right 2048",
        "openssl genrsa -traditional -aes128 -passout pass:right 2048",
        "openssl genrsa -traditional -des3 -passout pass:right 2048",
        "openssl ecparam -name prime256v1 -genkey | openssl ec -aes256 -passout pass:right",
    ])
    func theTraditionalEncryptionIsRead(command: String) throws {
        let pem = OpenSSL.output(command)
        #expect(String(decoding: pem, as: UTF8.self).contains("Proc-Type: 4,ENCRYPTED"))
        #expect(failure(pem, secret("right")) == nil)
        #expect(failure(pem) == .passphraseMissing)
        #expect(Set((0..<300).map { failure(pem, secret("wrong \($0)")) }) == [.passphraseIncorrect])
    }

    @Test(arguments: ["aes128", "aes256", "des3", "aria256"])
    func encryptedPKCS8IsReadOrUnsupported(cipher: String) throws {
        let pem = OpenSSL.output("openssl genpkey -algorithm ED25519 -\(cipher) -pass pass:right")
        #expect(String(decoding: pem, as: UTF8.self).contains("BEGIN ENCRYPTED PRIVATE KEY"))
        guard cipher == "aria256" else {
            #expect(failure(pem, secret("right")) == nil)
            #expect(failure(pem, secret("wrong")) == .passphraseIncorrect)
            return
        }
        guard case .unsupported = failure(pem, secret("right")) else { Issue.record("not unsupported"); return }
    }

    @Test(arguments: [
        "openssl genpkey -algorithm X25519",
        "openssl genpkey -algorithm DH -pkeyopt group:ffdhe2048",
    ])
    func keysThatCannotSignInTLSAreUnsupported(command: String) {
        let pem = OpenSSL.output(command)
        guard case .unsupported = failure(pem) else {
            Issue.record("\(String(describing: failure(pem)))")
            return
        }
    }
}

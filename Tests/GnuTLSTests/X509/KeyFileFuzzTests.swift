import CGnuTLS
import GnuTLS
import SecretMemory
import Testing

/// Damaged files: the reading of none may trap, hang or succeed with something else. The damage is the same in each run.
@Suite(.enabled(if: OpenSSL.isInstalled), .timeLimit(.minutes(5)))
struct KeyFileFuzzTests {
    private let authority: TestAuthority

    init() throws { authority = try TestAuthority() }

    /// What a reading that succeeds must yield.
    private var publicKey: PublicKey { authority.key.publicKey }

    @Test func noTruncationOfPKCS12IsAccepted() throws {
        for options in ["-iter 1", "-iter 1 -keypbe NONE -certpbe NONE"] {
            let file = try PKCS12File(authority).bytes(options)
            #expect((try? PKCS12.read(file, passphrase: secret("right"))) != nil)
            for length in 0..<file.count {
                #expect(throws: PKCS12Error.self) {
                    try PKCS12.read(Array(file.prefix(length)), passphrase: secret("right"))
                }
            }
        }
    }

    @Test(arguments: [
        "cat", "openssl pkcs8 -topk8 -iter 1 -passout pass:right", "openssl ec -aes256 -passout pass:right",
    ])
    func noTruncationOfPEMIsAccepted(command: String) throws {
        let file = try key(command)
        let passphrase = secret("right")
        #expect((try? PrivateKey.read(file, passphrase: passphrase)) != nil)
        for length in 0..<(file.count - 1) {
            #expect(throws: PrivateKeyError.self) {
                try PrivateKey.read(Array(file.prefix(length)), passphrase: passphrase)
            }
        }
    }

    @Test(arguments: [
        "cat", "openssl pkey -traditional", "openssl pkey -outform DER", "openssl ec -outform DER",
        "openssl pkcs8 -topk8 -iter 1 -passout pass:right",
        "openssl pkcs8 -topk8 -iter 1 -outform DER -passout pass:right",
        "openssl ec -aes256 -passout pass:right", "openssl ec -des3 -passout pass:right",
    ])
    func noDamagedKeyTraps(command: String) throws {
        let file = try key(command)
        var damage = Damage()
        let passphrase = secret("right")
        for _ in 0..<2000 {
            _ = try? PrivateKey.read(damage.done(to: file), passphrase: passphrase).publicKey
        }
    }

    @Test(arguments: ["-iter 1", "-iter 1 -legacy", "-iter 1 -keypbe NONE -certpbe NONE"])
    func noDamagedPKCS12IsBelieved(options: String) throws {
        let file = try PKCS12File(authority).bytes(options)
        var damage = Damage()
        let passphrase = secret("right")
        for _ in 0..<2000 {
            guard let read = try? PKCS12.read(damage.done(to: file), passphrase: passphrase) else { continue }
            #expect(read.key.publicKey == publicKey)
            #expect(read.chain == [authority.certificate])
        }
    }

    /// Damage beneath the MAC, as by one who knows the passphrase, or made the file.
    @Test(arguments: ["-iter 1", "-iter 1 -legacy", "-iter 1 -keypbe NONE -certpbe NONE"])
    func noDamagedPKCS12WithAGoodMACTraps(options: String) throws {
        let file = try PKCS12File(authority).bytes(options)
        // The PFX, its version, the ContentInfo, its type, the tag [0] and the OCTET STRING come before, each with a
        // length of two bytes.
        let contents = file[30..<(30 + Int(file[28]) << 8 + Int(file[29]))]
        let passphrase = secret("right")
        #expect(try PKCS12.read(Self.sealed(Array(contents)), passphrase: passphrase).key.publicKey == publicKey)
        var damage = Damage()
        for _ in 0..<2000 {
            let sealed = try Self.sealed(damage.done(to: Array(contents)))
            do throws(PKCS12Error) {
                let read = try PKCS12.read(sealed, passphrase: passphrase)
                #expect(read.chain.first?.publicKey == read.key.publicKey)
            } catch {
                #expect(error != .passphraseIncorrect)
            }
        }
    }

    /// A file with these contents, and a MAC by one iteration (RFC 7292 §4 and appendix B) for the passphrase `right`.
    private static func sealed(_ contents: [UInt8]) throws -> [UInt8] {
        let salt = [UInt8](repeating: 7, count: 64)
        let passphrase: [UInt8] = Array("right".utf8).flatMap { [UInt8(0), $0] } + [0, 0]
        let repeated = (0..<64).map { passphrase[$0 % passphrase.count] }
        let key = try HashAlgorithm.sha256.hash(of: [UInt8](repeating: 3, count: 64) + salt + repeated)
        var mac = [UInt8](repeating: 0, count: 32)
        #expect(gnutls_hmac_fast(GNUTLS_MAC_SHA256, key, key.count, contents, contents.count, &mac) == 0)
        let hash = TestDER.element(0x30, TestDER.oid(0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1), [5, 0])
        return TestDER.element(
            0x30, TestDER.integer(3),
            TestDER.element(
                0x30, TestDER.oid(0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 7, 1),
                TestDER.element(0xA0, TestDER.element(4, contents))),
            TestDER.element(
                0x30, TestDER.element(0x30, hash, TestDER.element(4, mac)), TestDER.element(4, salt)))
    }

    private func key(_ command: String) throws -> [UInt8] {
        let pem = try authority.key.pemEncoded().withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        return OpenSSL.output("printf %s '\(pem)' | \(command)")
    }
}

/// Changes to bytes, by a generator that always begins alike.
private struct Damage {
    private var state: UInt64 = 0x9E37_79B9_7F4A_7C15

    private mutating func number(below limit: Int) -> Int {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return Int(state % UInt64(max(1, limit)))
    }

    /// One to three of: a byte altered, a bit turned, bytes taken out, doubled, or put in.
    mutating func done(to bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for _ in 0...number(below: 3) {
            let place = number(below: bytes.count)
            let end = min(bytes.count, place + 1 + number(below: 8))
            guard place < end else { continue }
            switch number(below: 5) {
            case 0: bytes[place] = UInt8(truncatingIfNeeded: number(below: 256))
            case 1: bytes[place] ^= 1 << number(below: 8)
            case 2: bytes.removeSubrange(place..<end)
            case 3: bytes.insert(contentsOf: bytes[place..<end], at: place)
            default: bytes.insert(UInt8(truncatingIfNeeded: number(below: 256)), at: place)
            }
        }
        return bytes
    }
}

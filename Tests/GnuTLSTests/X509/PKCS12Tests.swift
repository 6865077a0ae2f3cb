import CGnuTLS
import GnuTLS
import SecretMemory
import Testing

@Suite(.enabled(if: OpenSSL.isInstalled))
struct PKCS12Tests {
    private let root: TestAuthority
    private let middle: TestAuthority
    private let low: TestAuthority
    private let key: PrivateKey
    private let leaf: Certificate

    init() throws {
        root = try TestAuthority("Root")
        middle = try TestAuthority("Middle", below: root)
        low = try TestAuthority("Low", below: middle)
        key = try PrivateKey.generate(.ecdsaP256)
        leaf = try CertificateBuilder(subject: [.commonName("leaf")], publicKey: key.publicKey).sign(
            issuer: low.certificate, key: low.key)
    }

    private func file(_ options: String = "", passphrase: String = "right") throws -> [UInt8] {
        try PKCS12File(key: key, certificates: [leaf]).bytes(options, passphrase: passphrase)
    }

    private func failure(_ file: [UInt8], _ passphrase: String? = "right") -> PKCS12Error? {
        do throws(PKCS12Error) { _ = try PKCS12.read(file, passphrase: passphrase.map(secret)) } catch { return error }
        return nil
    }

    @Test(arguments: [
        "", "-legacy", "-legacy -descert", "-macalg sha1", "-macalg sha384", "-macalg sha512", "-nomaciter -noiter",
        "-keypbe aes-128-cbc -certpbe aes-192-cbc", "-keypbe NONE", "-certpbe NONE", "-keypbe NONE -certpbe NONE",
        "-iter 100000",
    ])
    func everyEncryptionIsRead(options: String) throws {
        let file = try file(options)
        let read = try PKCS12.read(file, passphrase: secret("right"))
        #expect(read.key.publicKey == key.publicKey)
        #expect(read.chain == [leaf])
        let scheme = try #require(key.publicKey.schemes.first)
        #expect(key.publicKey.verify(try read.key.sign([1], scheme: scheme), of: [1], scheme: scheme))
        #expect(failure(file, "wrong") == .passphraseIncorrect)
        #expect(failure(file, "right ") == .passphraseIncorrect)
        #expect(failure(file, nil) == .passphraseMissing)
    }

    @Test(arguments: ["", "-legacy"])
    func theEmptyPassphraseNeedsNoQuestion(options: String) throws {
        let file = try file(options, passphrase: "")
        #expect(failure(file, nil) == nil)
        #expect(failure(file, "") == nil)
        #expect(failure(file, "wrong") == .passphraseIncorrect)
    }

    @Test func aPassphraseMayHaveLettersOfAllAlphabets() throws {
        #expect(failure(try file(passphrase: "pässwörd-щ"), "pässwörd-щ") == nil)
    }

    @Test func aPassphraseThatIsNoTextIsWrong() throws {
        var bytes: [UInt8] = [0xFF, 0xFE]
        let passphrase = SecretBytes(wiping: &bytes)
        let file = try file()
        #expect(throws: PKCS12Error.passphraseIncorrect) { try PKCS12.read(file, passphrase: passphrase) }
    }

    @Test func theChainIsPutInOrderWithoutTheRoot() throws {
        let all = [leaf, low.certificate, middle.certificate, root.certificate, try TestAuthority("Other").certificate]
        for certificates in [all, all.reversed(), [all[2], all[0], all[4], all[1], all[3]]] {
            let file = try PKCS12File(key: key, certificates: certificates).bytes()
            #expect(
                try PKCS12.read(file, passphrase: secret("right")).chain == [
                    leaf, low.certificate, middle.certificate,
                ])
        }
    }

    @Test func aRootMayBeALeaf() throws {
        let file = try PKCS12File(root).bytes()
        #expect(try PKCS12.read(file, passphrase: secret("right")).chain == [root.certificate])
    }

    @Test func withoutAMACNothingIsBelieved() throws {
        guard case .unsupported(let what) = failure(try file("-nomac")) else { Issue.record("accepted"); return }
        #expect(what.contains("no MAC"))
    }

    @Test func aChangedByteIsFoundBeforeAnythingIsRead() throws {
        var file = try file("-keypbe NONE -certpbe NONE")
        let place = try #require(file.indices.first { file[$0...].starts(with: Array("leaf".utf8)) })
        file[place] ^= 1
        #expect(failure(file) == .passphraseIncorrect)
    }

    @Test func aFileWithoutAKeyOrWithoutACertificateSaysSo() throws {
        #expect(failure(try file("-nokeys")) == .noKey)
        #expect(failure(try file("-nocerts")) == .noCertificate)
    }

    @Test func aKeyWithoutItsCertificateNamesThoseThatAreThere() throws {
        // OpenSSL makes no such file, so it is put together.
        let file = try Self.file(keys: [key], certificates: [root.certificate])
        #expect(failure(file) == .keyMismatch(["CN=Root"]))
    }

    @Test func twoKeysAreOneTooMany() throws {
        let file = try Self.file(keys: [key, root.key], certificates: [leaf])
        #expect(failure(file) == .severalKeys(2))
    }

    @Test func twoCertificatesOfTheKeyAreOneTooMany() throws {
        let again = try CertificateBuilder(subject: [.commonName("again")], publicKey: key.publicKey).sign(
            issuer: low.certificate, key: low.key)
        guard case .severalCertificates(let names) = failure(try Self.file(keys: [key], certificates: [leaf, again]))
        else { Issue.record("accepted"); return }
        #expect(names.count == 2)
        #expect(failure(try Self.file(keys: [key], certificates: [leaf, leaf])) == nil)
    }

    @Test func iterationsAreCountedTogether() throws {
        guard case .unsupported(let what) = failure(try file("-iter 3400000")) else { Issue.record("accepted"); return }
        #expect(what.contains("at most \(KeyStretching.limit)"))
    }

    @Test func manyIterationsOfTheMACAreRefusedAtOnce() throws {
        var file = try file()
        try #require(file.suffix(4) == [2, 2, 8, 0])
        file.replaceSubrange((file.count - 4)..., with: [2, 4, 0x7F, 0xFF, 0xFF, 0xFF])
        // MacData and the whole grow by two.
        let mac = try #require(file.indices.last { file[$0...].starts(with: [0x30, 0x41]) })
        file[mac + 1] += 2
        file[3] += 2
        guard case .unsupported(let what) = failure(file) else {
            Issue.record("\(String(describing: failure(file)))")
            return
        }
        #expect(what.contains("\(Int32.max) iterations"))
    }

    @Test func whatIsNoPKCS12IsMalformed() throws {
        for file in [[], [0x30], Array("hello".utf8), leaf.der, leaf.pemEncoded] {
            guard case .malformed = failure(file) else { Issue.record("accepted"); return }
        }
    }

    @Test func anUnknownCipherIsNamedAsSuch() throws {
        guard case .unsupported = failure(try file("-keypbe camellia-256-cbc")) else {
            Issue.record("accepted")
            return
        }
    }

    /// Puts a file together by GnuTLS, with MAC, in the clear.
    static func file(keys: [PrivateKey], certificates: [Certificate]) throws -> [UInt8] {
        var file: gnutls_pkcs12_t?
        gnutls_pkcs12_init(&file)
        defer { gnutls_pkcs12_deinit(file) }
        for key in keys {
            let pem = try key.pemEncoded().withUnsafeBytes { Array($0) }
            let der = try #require(try PEM.blocks(in: pem).first).contents(of: pem)
            add(der, GNUTLS_BAG_PKCS8_KEY, to: file)
        }
        for certificate in certificates { add(certificate.der, GNUTLS_BAG_CERTIFICATE, to: file) }
        #expect(gnutls_pkcs12_generate_mac(file, "right") >= 0)
        var datum = gnutls_datum_t()
        #expect(gnutls_pkcs12_export2(file, GNUTLS_X509_FMT_DER, &datum) >= 0)
        defer { cgnutls_free(datum.data) }
        return Array(UnsafeBufferPointer(start: datum.data, count: Int(datum.size)))
    }

    private static func add(_ der: [UInt8], _ type: gnutls_pkcs12_bag_type_t, to file: gnutls_pkcs12_t?) {
        var bag: gnutls_pkcs12_bag_t?
        gnutls_pkcs12_bag_init(&bag)
        defer { gnutls_pkcs12_bag_deinit(bag) }
        var der = der
        der.withUnsafeMutableBufferPointer { bytes in
            var datum = gnutls_datum_t(data: bytes.baseAddress, size: UInt32(bytes.count))
            #expect(gnutls_pkcs12_bag_set_data(bag, type, &datum) >= 0)
        }
        #expect(gnutls_pkcs12_set_bag(file, bag) >= 0)
    }
}

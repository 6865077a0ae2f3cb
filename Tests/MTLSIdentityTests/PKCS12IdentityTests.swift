import DevPKI
import Glibc
import GnuTLS
import MTLSCore
import Testing

@testable import MTLSIdentity

/// Identities in PKCS#12, in DER and in several files.
@Suite(.timeLimit(.minutes(5))) struct PKCS12IdentityTests {
    private let authority: CertificateAuthority
    private let issued: IssuedIdentity
    private let scratch: Scratch

    init() throws {
        authority = try CertificateAuthority(commonName: "Test Root").intermediate(commonName: "Middle")
        issued = try authority.issueClient(commonName: "alice")
        scratch = try Scratch()
    }

    private func pkcs12(_ options: String = "", _ issued: IssuedIdentity? = nil) throws -> [UInt8] {
        let issued = issued ?? self.issued
        let bytes = try shell(
            "openssl pkcs12 -export -passout pass:hunter2 \(options)", in: scratch,
            input: issued.key() + issued.certificatePEM)
        try #require(!bytes.isEmpty, "is openssl installed?")
        return bytes
    }

    private func path(_ bytes: [UInt8], name: String = "alice.p12") throws -> String {
        let path = try scratch.file(name, bytes)
        chmod(path, 0o600)
        return path
    }

    private func load(_ identity: Identity) async throws -> ClientIdentity {
        try #require(try await identity.candidates(for: anywhere).first)
    }

    private let right = SecretSource.closure { request in
        #expect(request.name == "passphrase")
        return secret("hunter2")
    }

    @Test(arguments: ["", "-legacy"])
    func keyAndChainAreRead(options: String) async throws {
        let bytes = try pkcs12(options)
        let path = try path(bytes)
        for identity in [
            Identity.pkcs12(path, passphrase: right), .pkcs12(bytes, passphrase: right), .file(path, passphrase: right),
        ] {
            let loaded = try await load(identity)
            #expect(loaded.chain == issued.chain)
            #expect(loaded.warnings == [])
        }
    }

    @Test func oneFileShowsWhetherItIsPEM() async throws {
        let both = try path(issued.key() + issued.certificatePEM, name: "both.pem")
        #expect(try await load(.file(both)).chain == issued.chain)
    }

    @Test func passphrasesThatAreWrongOrMissingAreToldApart() async throws {
        let path = try path(pkcs12())
        let wrong = await failure(of: .pkcs12(path, passphrase: .closure { _ in secret("wrong1") }), hiding: ["wrong1"])
        #expect(wrong?.code == .passphraseIncorrect)
        #expect(wrong?.message.contains(path) == true)
        let missing = await failure(of: .pkcs12(path))
        #expect(missing?.code == .passphraseMissing)
        #expect(missing?.message.contains(path) == true)
    }

    @Test(arguments: [
        ("-nokeys", MTLSError.Code.notAKey, "no private key"), ("-nocerts", .identityMalformed, "no certificate"),
        ("-nomac", .identityUnsupported, "no MAC"),
    ])
    func whatIsMissingIsNamed(options: String, code: MTLSError.Code, text: String) async throws {
        let path = try path(pkcs12(options))
        let error = await failure(of: .pkcs12(path, passphrase: right))
        #expect(error?.code == code)
        #expect(error?.message.contains(path) == true)
        #expect(error?.message.contains(text) == true)
    }

    @Test func otherFilesAreNotPKCS12() async throws {
        let path = try path(issued.certificatePEM)
        #expect(await failure(of: .pkcs12(path, passphrase: right))?.code == .identityMalformed)
    }

    @Test func PKCS12InPlaceOfACertificateIsNamed() async throws {
        let error = await failure(of: .pem(certificate: try path(pkcs12()), passphrase: right))
        #expect(error?.code == .identityMalformed)
        #expect(error?.message.contains("PKCS#12") == true)
    }

    @Test func aCertificateOfAnotherDayIsRefused() async throws {
        for (validity, code) in [
            (Validity.expired, MTLSError.Code.identityExpired), (.notYetValid, .identityNotYetValid),
        ] {
            let issued = try authority.issueClient(commonName: "late", validity: validity)
            let certificate = try scratch.file("\(code).pem", issued.certificatePEM)
            let key = try scratch.file("\(code)-key.pem", issued.key())
            for error in await [
                failure(of: .pem(certificate: certificate, key: key)),
                failure(of: .pkcs12(try pkcs12("", issued), passphrase: right)),
            ] {
                #expect(error?.code == code)
                #expect(error?.message.contains("CN=late") == true)
            }
            #expect(await failure(of: .pem(certificate: certificate, key: key))?.message.contains(certificate) == true)
        }
    }

    @Test func certificateAndKeyMayBeInDER() async throws {
        let der = try shell("openssl pkey -outform DER", in: scratch, input: issued.key())
        let certificate = try scratch.file("alice.der", issued.certificate.der)
        let key = try path(der, name: "key.der")
        #expect(try await load(.pem(certificate: certificate, key: key)).chain == [issued.certificate])
    }

    @Test func theChainMayBeSpreadOverFiles() async throws {
        let leaf = try scratch.file("leaf.pem", issued.certificate.pemEncoded)
        let middle = try scratch.file("middle.der", authority.certificate.der)
        let key = try path(issued.key(), name: "key.pem")
        #expect(try await load(.pem(certificates: [leaf, middle], key: key)).chain == issued.chain)
        let error = await failure(of: .pem(certificates: [middle, leaf], key: key))
        #expect(error?.code == .keyMismatch)
        #expect(error?.advice?.contains("number 2") == true)
    }

    @Test func aCertificateMayBeText() async throws {
        let text = String(decoding: issued.certificatePEM, as: UTF8.self)
        #expect(try await load(.pem(certificateText: text, key: issued.key())).chain == issued.chain)
    }

    @Test func loadingMayBeRepeatedAndTellsItsFiles() async throws {
        let path = try path(pkcs12())
        let identity = PKCS12Identity(place: .file(path), passphrase: right, policy: .warn)
        #expect(identity.paths == [path])
        let (first, second) = (try await identity.load(), try await identity.load())
        #expect(first !== second)
        #expect(first.chain == second.chain)
        let pem = PEMIdentity(
            certificates: [.file("a"), .file("b")], key: .file("a"), passphrase: nil, policy: .warn)
        #expect(pem.paths == ["a", "b"])
    }

    @Test func unsupportedEncryptionSaysHowToConvertIt() async throws {
        let key = try shell("openssl pkcs8 -topk8 -scrypt -passout pass:hunter2", in: scratch, input: issued.key())
        let error = await failure(of: .pem(certificate: issued.certificatePEM, key: key, passphrase: right))
        #expect(error?.code == .identityUnsupported)
        #expect(error?.message.contains("scrypt") == true)
        #expect(error?.advice?.contains("openssl pkcs8") == true)
    }
}

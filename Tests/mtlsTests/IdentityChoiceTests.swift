import Testing

@testable import mtls

struct IdentityChoiceTests {
    private func choice(
        _ certificate: String?, _ key: String?, type: String? = nil, keyType: String? = nil, files: Set<String> = []
    ) throws -> IdentityChoice {
        try IdentityChoice(
            certificate: certificate, key: key, certificateType: type, keyType: keyType, exists: files.contains)
    }

    @Test func nothingIsNobody() throws {
        #expect(try choice(nil, nil) == .none)
    }

    @Test func filesAreFiles() throws {
        #expect(try choice("c.pem", "k.pem") == .files(certificate: "c.pem", key: "k.pem"))
        #expect(try choice("c.pem", nil) == .file("c.pem"))
    }

    @Test func aTypeThatIsNamedIsNotGuessed() throws {
        #expect(try choice("c", nil, type: "p12") == .pkcs12("c"))
        #expect(try choice("c", nil, type: "PEM") == .files(certificate: "c", key: nil))
        #expect(try choice("c", "k", type: "DER", keyType: "der") == .files(certificate: "c", key: "k"))
        #expect(try choice("pkcs11:object=c", nil, type: "ENG") == .token(key: "pkcs11:object=c", certificate: nil))
        #expect(
            try choice("c", "pkcs11:object=k", keyType: "ENG") == .token(key: "pkcs11:object=k", certificate: "c"))
    }

    @Test(arguments: Self.unfit)
    func aTypeThatDoesNotFitIsRefused(certificate: String, key: String?, type: String?, keyType: String?) {
        #expect(throws: UsageError.self) { try choice(certificate, key, type: type, keyType: keyType) }
    }

    private static let unfit: [(String, String?, String?, String?)] = [
        ("c", nil, "PFX", nil), ("c", nil, "ENG", nil), ("pkcs11:object=c", nil, "PEM", nil), ("c", "k", "P12", nil),
        ("c", "k", nil, "P12"), ("c", "pkcs11:object=k", nil, "PEM"), ("pkcs11:object=c", nil, "P12", nil),
    ]

    @Test func theKeyOfACertificateInATokenIsFoundWithIt() throws {
        #expect(try choice("PKCS11:object=c", nil) == .token(key: "PKCS11:object=c", certificate: nil))
    }

    @Test func theCertificateOfAKeyInATokenIsFoundWithIt() throws {
        #expect(try choice(nil, "pkcs11:object=k") == .token(key: "pkcs11:object=k", certificate: nil))
    }

    @Test func aCertificateFileGoesWithAKeyInAToken() throws {
        #expect(try choice("c.pem", "pkcs11:object=k") == .token(key: "pkcs11:object=k", certificate: "c.pem"))
    }

    @Test func aKeyFileWithACertificateInATokenIsRefused() {
        #expect(throws: UsageError.self) { try choice("pkcs11:object=c", "k.pem") }
    }

    @Test func aKeyFileAloneIsRefused() {
        #expect(throws: UsageError.self) { try choice(nil, "k.pem") }
    }

    @Test func aPasswordBehindTheFileIsRefusedAndNotRepeated() throws {
        let error = #expect(throws: UsageError.self) { try choice("c.pem:hunter2", nil, files: ["c.pem"]) }
        #expect(try #require(error).description.contains("hunter2") == false)
    }

    @Test func aFileMayHaveAColonInItsName() throws {
        #expect(try choice("a:b.pem", nil, files: ["a:b.pem"]) == .file("a:b.pem"))
    }

    @Test func aPINInTheURIIsRefusedAndNotRepeated() throws {
        let error = #expect(throws: UsageError.self) { try choice("pkcs11:object=c?pin-value=hunter2", nil) }
        #expect(try #require(error).description.contains("hunter2") == false)
    }

    @Test func aPINSourceInTheURINeedsNoQuestion() throws {
        #expect(try choice("pkcs11:object=c?pin-source=file:/pin", nil).namesPIN)
        #expect(try !choice("pkcs11:object=c?module-name=x", nil).namesPIN)
    }
}

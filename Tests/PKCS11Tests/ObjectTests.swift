import CP11Kit
import CountingModuleSupport
import PKCS11
import SecretMemory
import Testing

@Suite struct ObjectTests {
    private static let subject = hex("300f310d300b06035504030c0474657374")

    private static func importCertificate(_ test: TestToken, _ der: [UInt8], label: String, id: [UInt8]) async throws {
        try await Token.searchLane.run { () throws(PKCS11Error) in
            try test.provisioner.importCertificate(der, subjectDER: subject, label: label, id: id)
        }
    }

    private static func certificates(
        _ test: TestToken, _ uri: String, pin: (any PINProvider)? = nil
    ) async throws -> [TokenCertificate] {
        let uri = try PKCS11URI(uri)
        let token = test.token
        return try await token.lane.run { () throws(PKCS11Error) in try token.findCertificates(uri, pin: pin) }
    }

    @Test func certificatesAreFoundWithoutALogin() async throws {
        let test = try await TestToken()
        try await Self.importCertificate(test, [0x30, 1, 2], label: "leaf", id: [1])
        try await Self.importCertificate(test, [0x30, 3, 4], label: "issuer", id: [2])
        let leaf = try await Self.certificates(test, "pkcs11:object=leaf")
        #expect(leaf.map(\.der) == [[0x30, 1, 2]])
        #expect(leaf.map(\.id) == [[1]])
        #expect(leaf.map(\.label.description) == ["leaf"])
        #expect(leaf.first?.uri.formatted.hasSuffix("object=leaf;type=cert;id=%01") == true)
        #expect(try await Self.certificates(test, "pkcs11:").count == 2)
        #expect(try await Self.certificates(test, "pkcs11:id=%02").map(\.label.description) == ["issuer"])
        #expect(test.counting.count(of: "C_Login") == 0)
    }

    @Test func nobodyLogsInForACertificateThatIsMissingUnlessAllowed() async throws {
        let test = try await TestToken()
        #expect(try await Self.certificates(test, "pkcs11:object=none").isEmpty)
        #expect(test.counting.count(of: "C_Login") == 0)
        let pin = KnownPIN(secret(SoftHSM.pin))
        #expect(try await Self.certificates(test, "pkcs11:object=none", pin: pin).isEmpty)
        #expect(test.counting.count(of: "C_Login") == 1)
        #expect(try await Self.certificates(test, "pkcs11:object=none", pin: pin).isEmpty)
        #expect(test.counting.count(of: "C_Login") == 1)
    }

    @Test func privateKeysAreListedAfterALogin() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256, label: "a", id: [1])
        try await test.generate(.ecP256, label: "b", id: [2])
        let token = test.token
        let keys = try await token.lane.run { () throws(PKCS11Error) in
            try token.findPrivateKeys(PKCS11URI(), pin: KnownPIN(secret(SoftHSM.pin)))
        }
        #expect(Set(keys.map(\.label.description)) == ["a", "b"])
        #expect(Set(keys.map(\.id)) == [[1], [2]])
    }

    @Test func controlCharactersOfALabelAreEscaped() async throws {
        let test = try await TestToken()
        try await Self.importCertificate(test, [0x30, 0], label: "a\u{1B}[31m", id: [1])
        let found = try #require(try await Self.certificates(test, "pkcs11:").first)
        #expect(found.label.description == "a\\x1b[31m")
        #expect(found.uri.formatted.contains("a%1B[31m"))
    }

    @Test func deletedObjectsAreGone() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256, label: "gone", id: [1])
        try await Self.importCertificate(test, [0x30, 0], label: "gone", id: [1])
        try await Self.importCertificate(test, [0x30, 0], label: "kept", id: [2])
        let deleted = try await Token.searchLane.run { () throws(PKCS11Error) in
            try test.provisioner.deleteObjects(try PKCS11URI("pkcs11:id=%01"))
        }
        #expect(deleted == 3)
        #expect(try await Self.certificates(test, "pkcs11:").map(\.label.description) == ["kept"])
        let error = try await #require(throws: PKCS11Error.self) { try await test.key().signature() }
        #expect(error.kind == .objectNotFound)
    }

    @Test func aTokenIsNotEmptiedByAURIThatNamesNoObject() async throws {
        let test = try await TestToken()
        let error = try await #require(throws: PKCS11Error.self) {
            try await Token.searchLane.run { () throws(PKCS11Error) in
                try test.provisioner.deleteObjects(test.token.uri)
            }
        }
        #expect(error.kind == .internal)
    }

    @Test func provisioningWithAWrongPINTriesItOnce() async throws {
        let test = try await TestToken()
        let provisioner = TokenProvisioner(test.token, pin: secret("99999"))
        for _ in 0..<2 {
            let error = try await #require(throws: PKCS11Error.self) {
                try await Token.searchLane.run { () throws(PKCS11Error) in
                    _ = try provisioner.generateKeyPair(.ecP256, label: "x", id: [1])
                }
            }
            #expect(error.kind == .pinIncorrect)
        }
        #expect(test.counting.count(of: "C_Login") == 1)
    }

    @Test func aLabelThatIsTakenIsRefused() async throws {
        let test = try await TestToken()
        let error = try await #require(throws: PKCS11Error.self) {
            try await Token.searchLane.run { () throws(PKCS11Error) in
                _ = try TokenProvisioner.initializeToken(
                    in: test.token.module, label: test.token.label, soPIN: secret("x"), pin: secret("y"))
            }
        }
        #expect(error.kind == .ambiguous)
        #expect(test.counting.count(of: "C_InitToken") == 0)
    }

    @Test func theModuleKeepsNoSessionOfAProvisioner() async throws {
        let test = try await TestToken()
        let provisioner = TokenProvisioner(test.token, pin: secret(SoftHSM.pin))
        try await Token.searchLane.run { () throws(PKCS11Error) in
            _ = try provisioner.generateKeyPair(.ecP256, label: "x", id: [1])
        }
        #expect(test.counting.count(of: "C_OpenSession") == test.counting.count(of: "C_CloseSession"))
    }
}

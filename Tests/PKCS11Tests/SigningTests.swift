import CP11Kit
import CountingModuleSupport
import PKCS11
import SecretMemory
import Testing

@Suite struct SigningTests {
    @Test(arguments: [
        (KeyKind.ecP256, SigningMechanism.ecdsa, 32, 64), (.ecP384, .ecdsa, 48, 96), (.ecP521, .ecdsa, 64, 132),
        (.ed25519, .eddsa, 100, 64),
    ])
    func aCurveSignsAndTheTokenVerifies(
        _ kind: KeyKind, _ mechanism: SigningMechanism, _ length: Int, _ expected: Int
    ) async throws {
        let test = try await TestToken()
        try await test.generate(kind)
        let data = (0..<length).map { UInt8($0) }
        let signature = try await test.key().signature(mechanism, data)
        #expect(signature.count == expected)
        try await test.verify(signature, of: data, mechanism)
        let other = try await #require(throws: PKCS11Error.self) {
            try await test.verify(signature, of: data.reversed(), mechanism)
        }
        #expect(other.returnCode?.name == "CKR_SIGNATURE_INVALID")
    }

    @Test func rsaSignsInEachWay() async throws {
        let test = try await TestToken()
        guard case .rsa(let modulus, let exponent) = try await test.generate(.rsa(bits: 2048)) else {
            Issue.record("not an RSA key")
            return
        }
        #expect(modulus.count == 256)
        #expect(exponent == [1, 0, 1])
        let key = test.key()
        let digestInfo: [UInt8] =
            [
                0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0, 4,
                0x20,
            ]
            + [UInt8](repeating: 9, count: 32)
        let cases: [(SigningMechanism, [UInt8])] =
            [(.rsaPKCS1, digestInfo), (.rsaRaw, [0] + [UInt8](repeating: 3, count: 255))]
            + SigningMechanism.Hash.allCases.map { (.rsaPSS($0), [UInt8](repeating: 5, count: $0.length)) }
        for (mechanism, data) in cases {
            let signature = try await key.signature(mechanism, data)
            #expect(signature.count == 256)
            try await test.verify(signature, of: data, mechanism)
        }
    }

    @Test func oneSignatureTakesTwoCalls() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        let key = test.key()
        _ = try await key.signature()
        test.counting.reset()
        _ = try await key.signature()
        #expect(test.counting.count(of: "C_SignInit") == 1)
        #expect(test.counting.count(of: "C_Sign") == 1)
        for function in ["C_Login", "C_OpenSession", "C_FindObjectsInit", "C_GetSessionInfo", "C_GetTokenInfo"] {
            #expect(test.counting.count(of: function) == 0, "\(function)")
        }
    }

    @Test func aKeyThatWantsThePINEachTimeIsGivenIt() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256, alwaysAuthenticate: true)
        let key = test.key()
        let data = [UInt8](repeating: 7, count: 32)
        let signatures = try await withThrowingTaskGroup(of: [UInt8].self) { group in
            for _ in 0..<6 { group.addTask { try await key.signature(.ecdsa, data) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(signatures.count == 6)
        for signature in signatures { try await test.verify(signature, of: data, .ecdsa) }
        #expect(try await test.token.lane.run { () throws(PKCS11Error) in try key.keyInfo() }.alwaysAuthenticates)
        #expect(test.counting.count(of: "C_Login") == 7)
    }

    /// In few calls; one after the other where the module does not read attributes together.
    @Test func aTokenSaysWhatAKeyIs() async throws {
        let test = try await TestToken()
        let made = try await test.generate(.ecP256, label: "mine", id: [4, 2])
        for code in [CKR_OK, CKR_ARGUMENTS_BAD, CKR_ATTRIBUTE_TYPE_INVALID, CKR_GENERAL_ERROR, CKR_BUFFER_TOO_SMALL] {
            test.counting.reset()
            if code != CKR_OK { test.counting.fail("C_GetAttributeValue", with: code) }
            let key = test.key(.id([4, 2]))
            let info = try await test.token.lane.run { () throws(PKCS11Error) in try key.keyInfo() }
            #expect(info.type == .ec, "\(code)")
            #expect(info.label.description == "mine", "\(code)")
            #expect(info.id == [4, 2], "\(code)")
            #expect(info.isSensitive == true, "\(code)")
            #expect(info.isExtractable == false, "\(code)")
            #expect(info.wasNeverExtractable == true, "\(code)")
            #expect(info.isLocal == true, "\(code)")
            #expect(!info.alwaysAuthenticates, "\(code)")
            #expect(info.publicKey == made, "\(code)")
            guard code == CKR_OK else { continue }
            // Before the login, after it, and for the public key.
            #expect(test.counting.count(of: "C_FindObjectsInit") == 3)
            #expect(test.counting.count(of: "C_GetAttributeValue") <= 5)
        }
        guard case .ec(let parameters, let point) = made else {
            Issue.record("not an EC key")
            return
        }
        #expect(parameters == KeyKind.ecP256.parameters)
        #expect(point.count == 65 && point[0] == 4)
    }

    @Test func anEd25519KeyShowsItsBarePoint() async throws {
        let test = try await TestToken()
        guard case .ec(_, let point) = try await test.generate(.ed25519) else {
            Issue.record("not a key on a curve")
            return
        }
        #expect(point.count == 32)
    }

    @Test func anErrorOfTheTokenNamesTheFunctionTheCodeAndTheToken() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        let error = try await #require(throws: PKCS11Error.self) { try await test.key().signature(.rsaPKCS1) }
        #expect(error.message == "C_Sign: CKR_GENERAL_ERROR (0x5)")
        #expect(error.token == test.token.label)
        #expect(try await test.key().signature().count == 64)
    }

    @Test(arguments: [32, 57, 65, 97, 133])
    func aPointIsTheSameWrappedAndBare(_ length: Int) {
        // A bare point may look like an OCTET STRING: 4, and then the length of the rest.
        let point = [4, UInt8(length - 2)] + [UInt8](repeating: 4, count: length - 2)
        let header = length < 128 ? [4, UInt8(length)] : [4, 0x81, UInt8(length)]
        #expect(PublicKeyMaterial.bare(point) == point)
        #expect(PublicKeyMaterial.bare(header + point) == point)
    }

    @Test func signingOnAThreadOutsideTheLaneIsRefused() async throws {
        let test = try await TestToken()
        let key = test.key()
        let error = try #require(throws: PKCS11Error.self) { try key.sign(.ecdsa, [1]) }
        #expect(error.kind == .internal)
        #expect(test.counting.count(of: "C_OpenSession") == 0)
    }

    @Test func aKeyIsFoundByTheLabelOfItsURI() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256, label: "client #1 ü", id: [9])
        var uri = test.token.uri
        uri.object = Array("client #1 ü".utf8)
        #expect(try await test.key(.uri(uri)).signature().count == 64)
    }

    @Test func severalMatchingKeysAreListed() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256, label: "twin", id: [1])
        try await test.generate(.ecP256, label: "twin", id: [2])
        let uri = try PKCS11URI("pkcs11:object=twin")
        let error = try await #require(throws: PKCS11Error.self) { try await test.key(.uri(uri)).signature() }
        #expect(error.kind == .ambiguous)
        #expect(error.description.contains("id=%01") && error.description.contains("id=%02"))
        #expect(test.counting.count(of: "C_SignInit") == 0)
    }

    @Test func whereNoKeyMatchesTheOthersAreListed() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256, label: "present", id: [3])
        let error = try await #require(throws: PKCS11Error.self) { try await test.key(.id([8])).signature() }
        #expect(error.kind == .objectNotFound)
        #expect(error.description.contains("object=present") && error.description.contains("id=%08"))
        #expect(test.counting.count(of: "C_Login") == 1)
    }

    @Test func mechanismsAreAskedOnce() async throws {
        let test = try await TestToken()
        let token = test.token
        let (canPSS, canEdDSA) = try await token.lane.run { () throws(PKCS11Error) in
            (try token.canSign(.rsaPSS(.sha256)), try token.canSign(.eddsa))
        }
        #expect(canPSS && canEdDSA)
        #expect(test.counting.count(of: "C_GetMechanismList") == 2)
    }

    @Test func importedKeysSignAndStayInTheToken() async throws {
        let test = try await TestToken()
        // RFC 6979 §A.2.5: a P-256 key that everybody knows.
        let scalar = hex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721")
        let point = hex(
            "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
                + "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299")
        try await Token.searchLane.run { () throws(PKCS11Error) in
            var copy = scalar
            try test.provisioner.importPrivateKey(
                .ec(
                    parameters: KeyKind.ecP256.parameters ?? [], point: point, scalar: SecretBytes(wiping: &copy)),
                label: "imported", id: [1])
        }
        let key = test.key()
        let data = [UInt8](repeating: 1, count: 32)
        try await test.verify(try await key.signature(.ecdsa, data), of: data, .ecdsa)
        let info = try await test.token.lane.run { () throws(PKCS11Error) in try key.keyInfo() }
        #expect(info.isExtractable == false)
        #expect(info.isLocal == false)
        #expect(info.publicKey == .ec(parameters: KeyKind.ecP256.parameters ?? [], point: point))
    }
}

func hex(_ text: String) -> [UInt8] {
    let digits = text.compactMap { $0.hexDigitValue }
    return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

import CP11Kit
import CountingModuleSupport
import PKCS11
import Testing

@Suite struct RecoveryTests {
    private static let lost = [
        CKR_SESSION_HANDLE_INVALID, CKR_SESSION_CLOSED, CKR_DEVICE_REMOVED, CKR_DEVICE_ERROR, CKR_DEVICE_MEMORY,
        CKR_TOKEN_NOT_PRESENT, CKR_CRYPTOKI_NOT_INITIALIZED,
    ]

    @Test func aLostSessionIsReplacedOnce() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        let key = test.key()
        _ = try await key.signature()
        for code in Self.lost {
            test.counting.reset()
            test.counting.loseSessions()
            test.counting.fail("C_SignInit", with: code)
            #expect(try await key.signature().count == 64, "\(code)")
            #expect(test.counting.count(of: "C_OpenSession") == 2)
            #expect(test.counting.count(of: "C_Login") == 1)
            #expect(test.counting.count(of: "C_GetSlotList") >= 2)
            #expect(test.counting.count(of: "C_SignInit") == 2)
        }
    }

    @Test func aTokenWithOneSessionIsLookedForInAllSlotsWhenItIsLost() async throws {
        let test = try await TestToken { $0.limitSessions(1, shown: true) }
        try await test.generate(.ecP256)
        let key = test.key()
        _ = try await key.signature()
        for code in Self.lost {
            test.counting.reset()
            test.counting.loseSessions()
            test.counting.fail("C_SignInit", with: code)
            #expect(try await key.signature().count == 64, "\(code)")
            #expect(test.counting.count(of: "C_GetSlotList") >= 2)
            #expect(test.counting.count(of: "C_Login") == 1)
        }
    }

    @Test func aSessionLostInTheMiddleOfASignatureIsReplacedOnce() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        let key = test.key()
        _ = try await key.signature()
        for code in Self.lost {
            test.counting.reset()
            test.counting.fail("C_Sign", with: code)
            #expect(try await key.signature().count == 64, "\(code)")
            #expect(test.counting.count(of: "C_Sign") == 2)
            #expect(test.counting.count(of: "C_OpenSession") >= 1)
        }
    }

    @Test(arguments: ["C_OpenSession", "C_FindObjectsInit", "C_FindObjects", "C_Login", "C_GetAttributeValue"])
    func aTokenLostAtItsFirstUseIsFoundAgain(_ function: String) async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        let key = test.key()
        for code in Self.lost {
            test.counting.reset()
            test.counting.fail(function, with: code)
            #expect(try await key.signature().count == 64, "\(code)")
            #expect(test.counting.count(of: "C_Login") >= 1)
            test.counting.loseSessions()
            test.counting.fail("C_OpenSession", with: CKR_FUNCTION_FAILED)
            await #expect(throws: PKCS11Error.self) { try await key.signature() }
        }
    }

    @Test func aRealLossOfAllSessionsIsMended() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        let key = test.key()
        _ = try await key.signature()
        test.counting.reset()
        test.counting.loseSessions()
        #expect(try await key.signature().count == 64)
        #expect(test.counting.count(of: "C_Login") == 1)
    }

    @Test func oneLostSessionTakesNoneThatWorks() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        let key = test.key()
        _ = try await key.signature()
        test.counting.reset()
        test.counting.delay("C_Sign", milliseconds: 5)
        test.counting.fail("C_Sign", call: 4, with: CKR_DEVICE_REMOVED)
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<16 { group.addTask { try await key.signature().count } }
            for try await count in group { #expect(count == 64) }
        }
        #expect(test.counting.count(of: "C_Sign") == 17)
    }

    @Test func aModuleThatForgotItsInitialisationIsInitialisedAgain() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        let key = test.key()
        _ = try await key.signature()
        test.counting.reset()
        test.counting.fail("C_SignInit", with: CKR_CRYPTOKI_NOT_INITIALIZED)
        test.counting.fail("C_GetSlotList", with: CKR_CRYPTOKI_NOT_INITIALIZED)
        #expect(try await key.signature().count == 64)
        #expect(test.counting.count(of: "C_Initialize") == 1)
    }

    @Test func aSessionLostTwiceIsAnError() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        let key = test.key()
        _ = try await key.signature()
        test.counting.fail("C_SignInit", with: CKR_DEVICE_ERROR)
        test.counting.fail("C_OpenSession", with: CKR_DEVICE_ERROR)
        let error = try await #require(throws: PKCS11Error.self) { try await key.signature() }
        #expect(error.message == "C_OpenSession: CKR_DEVICE_ERROR (0x30)")
        #expect(try await key.signature().count == 64)
    }

    @Test func aTokenThatIsGoneIsSaidToBe() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        let key = test.key()
        _ = try await key.signature()
        test.counting.tokenFlags(removing: CKF_TOKEN_INITIALIZED)
        test.counting.fail("C_Sign", with: CKR_DEVICE_REMOVED)
        let error = try await #require(throws: PKCS11Error.self) { try await key.signature() }
        #expect(error.kind == .removed)
        #expect(error.token == test.token.label)
        test.counting.tokenFlags()
        #expect(try await key.signature().count == 64)
    }

    @Test(arguments: [CKR_KEY_HANDLE_INVALID, CKR_OBJECT_HANDLE_INVALID])
    func aStaleHandleIsLookedUpAgain(_ code: UInt) async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        let key = test.key()
        _ = try await key.signature()
        test.counting.reset()
        test.counting.fail("C_SignInit", with: code)
        #expect(try await key.signature().count == 64)
        #expect(test.counting.count(of: "C_FindObjectsInit") >= 1)
        #expect(test.counting.count(of: "C_OpenSession") == 0)
        #expect(test.counting.count(of: "C_Login") == 0)
    }

    @Test(arguments: ["C_SignInit", "C_Sign"])
    func aLoginThatWasLostIsMadeAgain(_ function: String) async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        let key = test.key()
        _ = try await key.signature()
        test.counting.reset()
        test.counting.fail(function, with: CKR_USER_NOT_LOGGED_IN)
        #expect(try await key.signature().count == 64)
        #expect(test.counting.count(of: "C_Login") == 1)
    }

    @Test func whatNobodyCanMendIsNotTriedAgain() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        let key = test.key()
        _ = try await key.signature()
        for code in [
            CKR_OPERATION_ACTIVE, CKR_GENERAL_ERROR, CKR_FUNCTION_REJECTED, CKR_FUNCTION_CANCELED,
            CKR_MECHANISM_INVALID, CKR_PIN_EXPIRED, CKR_DATA_LEN_RANGE, CKR_FUNCTION_NOT_SUPPORTED, 0x8000_0001,
        ] {
            test.counting.reset()
            test.counting.fail("C_Sign", with: code)
            let error = try await #require(throws: PKCS11Error.self) { try await key.signature() }
            #expect(error.returnCode?.rawValue == code)
            #expect(test.counting.count(of: "C_Sign") == 1)
            #expect(try await key.signature().count == 64)
            #expect(test.counting.count(of: "C_Login") == 0)
        }
    }

    @Test func anotherKeyInThePlaceOfTheFirstIsRefused() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        let key = test.key()
        _ = try await key.signature()
        try await Token.searchLane.run { () throws(PKCS11Error) in
            _ = try test.provisioner.deleteObjects(try PKCS11URI("pkcs11:id=%01"))
        }
        try await test.generate(.ecP256)
        let error = try await #require(throws: PKCS11Error.self) { try await key.signature() }
        #expect(error.message.contains("another key"))
        #expect(try await test.key().signature().count == 64)
    }
}

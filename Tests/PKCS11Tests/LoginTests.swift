import CP11Kit
import CountingModuleSupport
import PKCS11
import SecretMemory
import Synchronization
import Testing

/// Answers with one PIN after the other, and remembers what it was asked.
private final class Script: PINProvider {
    private let state: Mutex<(answers: [PINAnswer?], requests: [PINRequest])>

    init(_ answers: PINAnswer?...) { state = Mutex((answers, [])) }

    var requests: [PINRequest] { state.withLock { $0.requests } }

    func pin(for request: PINRequest) -> PINAnswer? {
        state.withLock { state in
            state.requests.append(request)
            return state.answers.count > 1 ? state.answers.removeFirst() : state.answers.first ?? nil
        }
    }
}

@Suite struct LoginTests {
    private static let wrong = KnownPIN(secret("99999"))

    @Test func aWrongPINIsTriedOnce() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        let key = test.key(pin: Self.wrong)
        let first = try await #require(throws: PKCS11Error.self) { try await key.signature() }
        #expect(first.kind == .pinIncorrect)
        #expect(first.message == "C_Login: CKR_PIN_INCORRECT (0xa0)")
        let second = try await #require(throws: PKCS11Error.self) { try await key.signature() }
        #expect(second.kind == .pinIncorrect)
        #expect(second.message.contains("before"))
        #expect(test.counting.count(of: "C_Login") == 1)
    }

    @Test func aWrongPINIsTriedOnceByManySignaturesTogether() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        let kinds = await withTaskGroup(of: PKCS11Error.Kind?.self) { group in
            for _ in 0..<20 {
                let key = test.key(pin: Self.wrong)
                group.addTask {
                    do throws(PKCS11Error) {
                        _ = try await key.signature()
                        return nil
                    } catch {
                        return error.kind
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(kinds == Array(repeating: .pinIncorrect, count: 20))
        #expect(test.counting.count(of: "C_Login") == 1)
    }

    @Test func manySignaturesTogetherLogInOnce() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        test.counting.delay("C_Login", milliseconds: 20)
        let script = Script(PINAnswer(secret(SoftHSM.pin)))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<20 {
                let key = test.key(pin: script)
                group.addTask { _ = try await key.signature() }
            }
            try await group.waitForAll()
        }
        #expect(test.counting.count(of: "C_Login") == 1)
        #expect(script.requests.count == 1)
    }

    @Test func theRightPINIsAcceptedAfterAWrongOne() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        await #expect(throws: PKCS11Error.self) { try await test.key(pin: Self.wrong).signature() }
        #expect(try await test.key().signature().count == 64)
        #expect(test.counting.count(of: "C_Login") == 2)
    }

    @Test func eachRefusedPINStaysRefused() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        for pin in ["11111", "22222", "11111", "22222"] {
            await #expect(throws: PKCS11Error.self) {
                try await test.key(pin: KnownPIN(secret(pin))).signature()
            }
        }
        #expect(test.counting.count(of: "C_Login") == 2)
    }

    @Test func aRefusedPINIsTriedAgainWhenTheLatchIsCleared() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        await #expect(throws: PKCS11Error.self) { try await test.key(pin: Self.wrong).signature() }
        test.token.clearLatch()
        await #expect(throws: PKCS11Error.self) { try await test.key(pin: Self.wrong).signature() }
        #expect(test.counting.count(of: "C_Login") == 2)
    }

    @Test(arguments: [CKR_PIN_INCORRECT, CKR_PIN_INVALID, CKR_PIN_LEN_RANGE, CKR_PIN_LOCKED])
    func eachRefusalOfAPINSetsTheLatch(_ code: UInt) async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        test.counting.fail("C_Login", with: code)
        for _ in 0..<3 {
            await #expect(throws: PKCS11Error.self) { try await test.key().signature() }
        }
        #expect(test.counting.count(of: "C_Login") == 1)
    }

    @Test func aFailureThatIsNotThePINsSetsNoLatch() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        test.counting.fail("C_Login", with: CKR_FUNCTION_FAILED)
        let error = try await #require(throws: PKCS11Error.self) { try await test.key().signature() }
        #expect(error.message == "C_Login: CKR_FUNCTION_FAILED (0x6)")
        #expect(try await test.key().signature().count == 64)
    }

    @Test func thePINIsInNoText() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        let error = try await #require(throws: PKCS11Error.self) { try await test.key(pin: Self.wrong).signature() }
        var dumped = ""
        dump(error, to: &dumped)
        #expect(!"\(error) \(dumped)".contains("99999"))
        dumped = ""
        dump(test.key(pin: Self.wrong), to: &dumped)
        dump(PINAnswer(secret("99999")), to: &dumped)
        #expect(!dumped.contains("99999"))
    }

    @Test func withoutAPINTheErrorNamesTheTokenAndTheRemedy() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        let error = try await #require(throws: PKCS11Error.self) { try await test.key(pin: nil).signature() }
        #expect(error.kind == .pinMissing)
        #expect(error.token == test.token.label)
        #expect(error.advice?.contains("pin-source") == true)
        #expect(test.counting.count(of: "C_Login") == 0)
    }

    @Test func whatAProviderThrowsIsKept() async throws {
        struct Broken: Error {}
        struct Provider: PINProvider {
            func pin(for request: PINRequest) throws -> PINAnswer? { throw Broken() }
        }
        let test = try await TestToken()
        let error = try await #require(throws: PKCS11Error.self) { try await test.key(pin: Provider()).signature() }
        #expect(error.kind == .pinMissing)
        #expect(error.underlying is Broken)
    }

    @Test func aProviderLearnsWhichTokenAsks() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        let script = Script(PINAnswer(secret(SoftHSM.pin)))
        _ = try await test.key(pin: script).signature()
        let request = try #require(script.requests.first)
        #expect(request.tokenLabel == test.token.label)
        #expect(request.tokenSerial == test.token.info.serial.description)
        #expect(request.tokenManufacturer == "SoftHSM project")
        #expect(request.reason == .login)
        #expect(!request.isFinalTry && !request.isCountLow)
    }

    @Test(arguments: [CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_FINAL_TRY])
    func fewTriesLeftAreNotUsedUnattended(_ flag: UInt) async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        test.counting.tokenFlags(adding: flag)
        let error = try await #require(throws: PKCS11Error.self) { try await test.key().signature() }
        #expect(error.kind == .pinTriesLow)
        #expect(test.counting.count(of: "C_Login") == 0)
        let vouched = KnownPIN(secret(SoftHSM.pin), vouchedFor: true)
        #expect(try await test.key(pin: vouched).signature().count == 64)
    }

    @Test func aPINThatFollowsOnARefusedOneIsNewUnlessTheLastTryIsLeft() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        await #expect(throws: PKCS11Error.self) { try await test.key(pin: Self.wrong).signature() }
        test.counting.tokenFlags(adding: CKF_USER_PIN_FINAL_TRY)
        let error = try await #require(throws: PKCS11Error.self) { try await test.key().signature() }
        #expect(error.kind == .pinTriesLow)
        #expect(test.counting.count(of: "C_Login") == 1)
        test.counting.tokenFlags()
        #expect(try await test.key().signature().count == 64)
    }

    @Test func aPINIsNotTriedOnATokenThatTookThePlaceOfAnother() async throws {
        let (test, other) = (try await TestToken(), try await TestToken())
        try await test.generate(.ecP256)
        test.counting.insertToken(try await other.slot, in: try await test.slot)
        let error = try await #require(throws: PKCS11Error.self) { try await test.key().signature() }
        #expect(error.kind == .removed)
        #expect(test.counting.count(of: "C_Login") == 0)
    }

    @Test func aLockedPINIsNotTried() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        test.counting.tokenFlags(adding: CKF_USER_PIN_LOCKED)
        let script = Script(PINAnswer(secret(SoftHSM.pin)))
        let error = try await #require(throws: PKCS11Error.self) { try await test.key(pin: script).signature() }
        #expect(error.kind == .pinLocked)
        #expect(script.requests.isEmpty)
        #expect(test.counting.count(of: "C_Login") == 0)
    }

    @Test func aPINPadIsAskedWithoutAPIN() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        test.counting.tokenFlags(adding: CKF_PROTECTED_AUTHENTICATION_PATH)
        let script = Script(PINAnswer(secret(SoftHSM.pin)))
        // SoftHSM has no PIN pad and calls the missing PIN a bad argument.
        let error = try await #require(throws: PKCS11Error.self) { try await test.key(pin: script).signature() }
        #expect(error.message == "C_Login: CKR_ARGUMENTS_BAD (0x7)")
        #expect(script.requests.isEmpty)
    }

    @Test func aTokenWithoutAUserPINIsNotLoggedInTo() async throws {
        let test = try await TestToken { $0.tokenFlags(removing: CKF_USER_PIN_INITIALIZED) }
        let error = try await #require(throws: PKCS11Error.self) { try await test.key().signature() }
        #expect(error.kind == .objectNotFound)
        #expect(test.counting.count(of: "C_Login") == 0)
    }

    @Test func aLoginThatAnotherMadeServes() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        test.counting.fail("C_Login", with: CKR_USER_ALREADY_LOGGED_IN)
        // The login is a lie, so the key stays hidden; that it is believed shows in the error.
        let error = try await #require(throws: PKCS11Error.self) { try await test.key().signature() }
        #expect(error.kind == .objectNotFound)
    }

    @Test func thePINOfAContextSpecificLoginIsTriedOnce() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256, alwaysAuthenticate: true)
        let script = Script(PINAnswer(secret(SoftHSM.pin)), PINAnswer(secret("99999")))
        let key = test.key(pin: script)
        for _ in 0..<3 {
            let error = try await #require(throws: PKCS11Error.self) { try await key.signature() }
            #expect(error.kind == .pinIncorrect)
        }
        #expect(script.requests.map(\.reason) == [.login, .contextSpecific, .contextSpecific, .contextSpecific])
        #expect(test.counting.count(of: "C_Login") == 2)
        #expect(test.counting.count(of: "C_Sign") == 0)
        #expect(try await test.key().signature().count == 64)
    }
}

import CP11Kit
import CountingModuleSupport
import PKCS11
import Testing

/// Tokens that go in the middle of a signature, come back, or never answer.
@Suite struct RemovalTests {
    @Test(arguments: [CKR_DEVICE_REMOVED, CKR_TOKEN_NOT_PRESENT, CKR_SESSION_HANDLE_INVALID])
    func aTokenPulledInTheMiddleOfASignatureServesAgainWhenItIsBack(_ code: UInt) async throws {
        let test = try await TestToken()
        let slot = try await test.slot
        try await test.generate(.ecP256)
        let key = test.key()
        test.counting.insertToken(slot, in: slot)
        _ = try await key.signature()
        let arrivals = test.counting.block("C_Sign")
        let signature = Task { try await key.signature() }
        for await _ in arrivals { break }
        test.counting.removeToken(answering: code)
        test.counting.unblock("C_Sign")
        let error = try await #require(throws: PKCS11Error.self) { try await signature.value }
        #expect(error.kind == .removed)
        #expect(error.token == test.token.label)
        #expect(error.advice != nil)

        let next = try await #require(throws: PKCS11Error.self) { try await key.signature() }
        #expect(next.kind == .removed)
        #expect(test.counting.count(of: "C_Login") == 1)

        // In another slot, as tokens do.
        test.counting.insertToken(slot, in: slot + 1000)
        let data = [UInt8](repeating: 3, count: 32)
        try await test.verify(try await key.signature(.ecdsa, data), of: data, .ecdsa)
        #expect(test.counting.count(of: "C_Login") == 2)
    }

    @Test func aTokenThatIsBackBeforeAnybodyLooksIsNotMissed() async throws {
        let test = try await TestToken()
        let slot = try await test.slot
        try await test.generate(.ecP256)
        let key = test.key()
        test.counting.insertToken(slot, in: slot)
        _ = try await key.signature()
        let arrivals = test.counting.block("C_Sign")
        let signature = Task { try await key.signature() }
        for await _ in arrivals { break }
        test.counting.removeToken(answering: CKR_DEVICE_REMOVED)
        test.counting.insertToken(slot, in: slot + 1000)
        test.counting.unblock("C_Sign")
        #expect(try await signature.value.count == 64)
    }

    @Test func anExchangedKeyInATokenOfTheSameNameSignsNothing() async throws {
        let (test, other) = (try await TestToken(), try await TestToken())
        let slot = try await test.slot
        try await test.generate(.ecP256)
        try await other.generate(.ecP256)
        let key = test.key()
        test.counting.insertToken(slot, in: slot)
        _ = try await key.signature()
        test.counting.removeToken(answering: CKR_DEVICE_REMOVED)
        test.counting.insertToken(try await other.slot, in: slot, disguisedAs: slot)
        test.counting.reset()
        let error = try await #require(throws: PKCS11Error.self) { try await key.signature() }
        #expect(error.kind == .failed)
        #expect(error.message.contains("another key"))
        #expect(test.counting.count(of: "C_Sign") == 0)

        test.counting.removeToken(answering: CKR_DEVICE_REMOVED)
        test.counting.insertToken(slot, in: slot)
        #expect(try await key.signature().count == 64)
    }

    @Test func aTokenThatHangsHoldsUpNoOtherAndSaysSoWhenAllItsThreadsAreStuck() async throws {
        let (test, other) = (try await TestToken(), try await TestToken())
        try await test.generate(.ecP256)
        try await other.generate(.ecP256)
        test.token.setSessionLimit(2)
        test.token.lane.setPatience(.zero)
        let key = test.key()
        _ = try await key.signature()
        let arrivals = test.counting.block("C_Sign")
        let stuck = (0..<2).map { _ in Task { try await key.signature() } }
        var waiting = 0
        for await _ in arrivals {
            waiting += 1
            if waiting == 2 { break }
        }
        for task in stuck {
            task.cancel()
            let error = try await #require(throws: PKCS11Error.self) { try await task.value }
            #expect(error.kind == .cancelled)
        }
        let error = try await #require(throws: PKCS11Error.self) { try await key.signature() }
        #expect(error.kind == .timedOut)
        #expect(error.message.contains(test.token.label) && error.message.contains("2 of its threads are stuck"))
        #expect(try await other.key().signature().count == 64)
        test.counting.unblock("C_Sign")
    }

    @Test func aLoginThatAnotherProgramEndedIsMadeAgain() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        // Believed, and not so: as good as a login that was ended behind our back.
        test.counting.fail("C_Login", with: CKR_USER_ALREADY_LOGGED_IN)
        await #expect(throws: PKCS11Error.self) { try await test.key().signature() }
        #expect(try await test.key().signature().count == 64)
        #expect(test.counting.count(of: "C_Login") == 2)
    }
}

import CP11Kit
import CountingModuleSupport
import PKCS11
import Testing

/// How long sessions live, and how many there are.
@Suite struct PoolTests {
    private static func policy(_ change: (inout SessionPolicy) -> Void) -> SessionPolicy {
        var policy = SessionPolicy()
        change(&policy)
        return policy
    }

    private static func signAtOnce(_ count: Int, _ test: TestToken, _ key: TokenKey) async throws {
        let arrivals = test.counting.block("C_Sign")
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<count { group.addTask { try await key.signature().count } }
            var waiting = 0
            for await _ in arrivals {
                waiting += 1
                if waiting == count { break }
            }
            test.counting.unblock("C_Sign")
            for try await length in group { #expect(length == 64) }
        }
    }

    @Test func aSessionIsReplacedAfterSoManySignatures() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        test.token.setSessionPolicy(Self.policy { $0.uses = 4 })
        let key = test.key()
        for _ in 0..<20 { #expect(try await key.signature().count == 64) }
        // The anchor, which keeps the login, and then one session for every four signatures.
        #expect((5...7).contains(test.counting.sessionsOpened))
        #expect(test.counting.count(of: "C_CloseSession") >= 4)
        #expect(test.counting.mostSessions == 2)
        #expect(test.counting.count(of: "C_Login") == 1)
    }

    @Test func aSessionIsReplacedAfterAWhile() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        test.token.setSessionPolicy(Self.policy { $0.age = .zero })
        let key = test.key()
        for _ in 0..<5 { #expect(try await key.signature().count == 64) }
        #expect(test.counting.sessionsOpened >= 5)
        #expect(test.counting.count(of: "C_Login") == 1)
    }

    @Test func theOnlySessionIsNotReplacedSinceItKeepsTheLogin() async throws {
        let test = try await TestToken { $0.limitSessions(1, shown: true) }
        try await test.generate(.ecP256)
        test.token.setSessionPolicy(Self.policy { $0.uses = 1 })
        let key = test.key()
        for _ in 0..<5 { #expect(try await key.signature().count == 64) }
        #expect(test.counting.sessionsOpened == 1)
        #expect(test.counting.count(of: "C_Login") == 1)
    }

    @Test func idleSessionsCloseAndTheLoginStays() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        let (token, key) = (test.token, test.key())
        _ = try await key.signature()
        try await Self.signAtOnce(4, test, key)
        let opened = test.counting.sessionsOpened
        #expect(opened == 5)
        try await token.lane.run { () throws(PKCS11Error) in token.closeSessions(idleFor: .seconds(1000)) }
        #expect(test.counting.count(of: "C_CloseSession") == 0)
        try await token.lane.run { () throws(PKCS11Error) in token.closeSessions(idleFor: .zero) }
        #expect(test.counting.count(of: "C_CloseSession") == 4)
        #expect(try await key.signature().count == 64)
        #expect(test.counting.count(of: "C_Login") == 1)
        #expect(test.counting.sessionsOpened == opened + 1)
    }

    @Test func aThreadThatEndsForWantOfWorkSaysSo() async throws {
        let lane = TokenLane("the token idle", limit: 1, idleSeconds: 0)
        let (ended, end) = AsyncStream<Void>.makeStream()
        lane.whenIdle { end.finish() }
        try await lane.run { () throws(PKCS11Error) in }
        for await _ in ended {}
        // The next job gets a new thread.
        try await lane.run { () throws(PKCS11Error) in }
    }

    @Test func aRefusedSessionIsAskedForAgainAfterAWhile() async throws {
        let test = try await TestToken { $0.limitSessions(3, shown: false) }
        try await test.generate(.ecP256)
        let key = test.key()
        _ = try await key.signature()
        let others = test.counting.block("C_Sign")
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<4 { group.addTask { try await key.signature().count } }
            var waiting = 0
            for await _ in others {
                waiting += 1
                if waiting == 2 { break }
            }
            test.counting.unblock("C_Sign")
            try await group.waitForAll()
        }
        #expect(test.counting.mostSessions == 3)
        // Another program ends.
        test.counting.limitSessions(0, shown: false)
        test.token.setSessionPolicy(Self.policy { $0.refusal = .zero })
        try await Self.signAtOnce(4, test, key)
        #expect(test.counting.mostSessions == 5)
    }

    @Test func aQueueThatIsTooLongIsAnError() async throws {
        let lane = TokenLane("the token slow", limit: 1, queueLimit: 2)
        let gate = Gate()
        try lane.submit { gate.pass() }
        await gate.waitUntilSomebodyWaits()
        try lane.submit {}
        try lane.submit {}
        let error = try #require(throws: PKCS11Error.self) { try lane.submit {} }
        #expect(error.kind == .failed)
        #expect(error.message == "2 calls wait for the token slow already")
        gate.open()
    }

    @Test(arguments: [CKR_GENERAL_ERROR, CKR_SESSION_HANDLE_INVALID, CKR_FUNCTION_NOT_SUPPORTED])
    func aTokenThatDoesNotTellItsStateIsBelievedToBeLoggedIn(_ code: UInt) async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        _ = try await test.key().signature()
        test.counting.fail("C_GetSessionInfo", with: code)
        let error = try await #require(throws: PKCS11Error.self) { try await test.key(.id([9])).signature() }
        #expect(error.kind == .objectNotFound)
        #expect(test.counting.count(of: "C_GetSessionInfo") == 1)
        #expect(test.counting.count(of: "C_Login") == 1)
    }
}

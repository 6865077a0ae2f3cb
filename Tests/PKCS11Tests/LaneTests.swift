import CP11Kit
import CountingModuleSupport
import PKCS11
import Testing

@Suite struct LaneTests {
    @Test func parallelSignaturesUseSessionsOfTheirOwn() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        let key = test.key()
        _ = try await key.signature()
        test.counting.reset()
        test.counting.delay("C_Sign", milliseconds: 30)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 { group.addTask { _ = try await key.signature() } }
            try await group.waitForAll()
        }
        // The anchor and at least a few that sign.
        #expect(test.counting.mostSessions >= 4)
        #expect(test.counting.mostSessions <= 9)
        #expect(test.counting.count(of: "C_Login") == 0)
    }

    @Test func sessionsAreReused() async throws {
        let test = try await TestToken()
        try await test.generate(.ecP256)
        let key = test.key()
        for _ in 0..<10 { _ = try await key.signature() }
        #expect(test.counting.count(of: "C_OpenSession") == 2)
    }

    @Test func aTokenWithOneSessionServesMany() async throws {
        let test = try await TestToken { $0.limitSessions(1, shown: true) }
        try await test.generate(.ecP256)
        #expect(test.token.info.maxSessions == 1)
        let key = test.key()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 { group.addTask { _ = try await key.signature() } }
            try await group.waitForAll()
        }
        #expect(test.counting.count(of: "C_OpenSession") == 1)
    }

    @Test func theLoginIsMadeAgainWhenTheOnlySessionWasClosed() async throws {
        let test = try await TestToken { $0.limitSessions(1, shown: true) }
        try await test.generate(.ecP256)
        let key = test.key()
        _ = try await key.signature()
        test.counting.fail("C_Sign", with: CKR_GENERAL_ERROR)
        await #expect(throws: PKCS11Error.self) { try await key.signature() }
        #expect(try await key.signature().count == 64)
        #expect(test.counting.count(of: "C_Login") == 2)
    }

    @Test(arguments: [1, 2, 3])
    func aLimitThatTheTokenDoesNotTellIsFound(_ limit: Int) async throws {
        let test = try await TestToken { $0.limitSessions(limit, shown: false) }
        try await test.generate(.ecP256)
        let key = test.key()
        test.counting.delay("C_Sign", milliseconds: 3)
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<16 { group.addTask { try await key.signature().count } }
            for try await count in group { #expect(count == 64) }
        }
        #expect(test.counting.mostSessions <= limit)
    }

    @Test func theLimitIsOneLessThanTheTokensForTheAnchor() async throws {
        let test = try await TestToken { $0.limitSessions(3, shown: true) }
        try await test.generate(.ecP256)
        let key = test.key()
        test.counting.delay("C_Sign", milliseconds: 5)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<12 { group.addTask { _ = try await key.signature() } }
            try await group.waitForAll()
        }
        #expect(test.counting.mostSessions <= 3)
        #expect(test.counting.count(of: "C_OpenSession") <= 3)
    }

    @Test func aCancelledTicketNeverRuns() async throws {
        let test = try await TestToken()
        test.token.setSessionLimit(1)
        let gate = Gate()
        try test.token.lane.submit { gate.pass() }
        await gate.waitUntilSomebodyWaits()
        let ticket = try test.token.lane.submit { Issue.record("it ran") }
        #expect(ticket.cancel())
        #expect(!ticket.cancel())
        gate.open()
        try await test.token.lane.run { () throws(PKCS11Error) in }
    }

    @Test func aCancelledTaskStopsWaitingInTheQueue() async throws {
        let test = try await TestToken()
        test.token.setSessionLimit(1)
        let gate = Gate()
        try test.token.lane.submit { gate.pass() }
        await gate.waitUntilSomebodyWaits()
        let lane = test.token.lane
        let task = Task { try await lane.run { () throws(PKCS11Error) in Issue.record("it ran") } }
        task.cancel()
        let error = try await #require(throws: PKCS11Error.self) { try await task.value }
        #expect(error.kind == .cancelled)
        gate.open()
        try await lane.run { () throws(PKCS11Error) in }
    }

    @Test func aCancelledTaskDoesNotWaitForACallThatRuns() async throws {
        let test = try await TestToken()
        let gate = Gate()
        let lane = test.token.lane
        let task = Task { try await lane.run { () throws(PKCS11Error) in gate.pass() } }
        await gate.waitUntilSomebodyWaits()
        task.cancel()
        let error = try await #require(throws: PKCS11Error.self) { try await task.value }
        #expect(error.kind == .cancelled)
        gate.open()
    }

    @Test func aTokenWhoseThreadsAreAllStuckTakesNoMore() async throws {
        let lane = TokenLane("the token slow", limit: 1, patience: .zero)
        let gate = Gate()
        let ticket = try lane.submit { gate.pass() }
        await gate.waitUntilSomebodyWaits()
        #expect(!ticket.cancel())
        let error = try #require(throws: PKCS11Error.self) { try lane.submit {} }
        #expect(error.kind == .timedOut)
        #expect(error.message.contains("the token slow"))
        gate.open()
    }

    @Test func aCallThatWasJustGivenUpIsWaitedFor() async throws {
        let lane = TokenLane("the token slow", limit: 1, patience: .seconds(1000))
        let gate = Gate()
        let ticket = try lane.submit { gate.pass() }
        await gate.waitUntilSomebodyWaits()
        #expect(!ticket.cancel())
        let (stream, continuation) = AsyncStream<Void>.makeStream()
        try lane.submit { continuation.finish() }
        gate.open()
        for await _ in stream {}
    }

    @Test func aLaneKnowsItsThreads() async throws {
        let test = try await TestToken()
        let lane = test.token.lane
        #expect(!lane.isCurrent)
        #expect(try await lane.run { () throws(PKCS11Error) in lane.isCurrent })
        #expect(try await Token.searchLane.run { () throws(PKCS11Error) in lane.isCurrent } == false)
    }

    @Test func jobsBeginInTheOrderOfTheirSubmission() async throws {
        let test = try await TestToken()
        test.token.setSessionLimit(1)
        let (stream, continuation) = AsyncStream<Int>.makeStream()
        for number in 0..<50 {
            try test.token.lane.submit {
                continuation.yield(number)
                if number == 49 { continuation.finish() }
            }
        }
        var order: [Int] = []
        for await number in stream { order.append(number) }
        #expect(order == Array(0..<50))
    }
}

import Testing

@testable import MTLSCore

@Suite struct PoolWarmingTests {
    @Test func connectionsAreBegunUntilThereAreAsManyAsWanted() throws {
        var pool = try PoolHarness()
        try pool.occupy(1)
        #expect(pool.pool.warm(3).text == "open 2, open 3")
        #expect(pool.pool.warm(3).text == "")
        #expect(try pool.connected(2) == "timer 4.0")
        #expect(try pool.connected(3) == "")
        let census = pool.pool.census
        #expect(census == .init(connecting: 0, idle: 2, leased: 1, waiting: 0))
    }

    @Test func theLimitHoldsForThemToo() throws {
        var pool = try PoolHarness { $0.connectionLimit = 2 }
        #expect(pool.pool.warm(100).text == "open 1, open 2")
        #expect(pool.pool.warm(-1).text == "")
    }

    @Test func aRequestTakesOverAnAttemptThatWasBegunInAdvance() throws {
        var pool = try PoolHarness()
        _ = pool.pool.warm(1)
        #expect(pool.lease(1) == "")
        #expect(try pool.connected(1) == "run 1 on 1")
    }

    @Test func theShellTellsHowLongAConnectionThatNobodyNeedsMayIdle() throws {
        var pool = try PoolHarness()
        _ = pool.pool.warm(1)
        #expect(try pool.pool.connected(1, idleTimeout: .seconds(60), now: .start).text == "timer 60.0")
    }

    @Test func anAttemptInAdvanceThatFailsIsNotRepeated() throws {
        var pool = try PoolHarness()
        _ = pool.pool.warm(2)
        #expect(try pool.refused(1) == "")
        #expect(try pool.rejected(2) == "")
        let isEmpty = pool.pool.isEmpty
        #expect(isEmpty)
        #expect(pool.lease(1) == "open 3")
    }

    @Test func inDoubtNothingIsBegunInAdvance() throws {
        var pool = try PoolHarness()
        try pool.occupy(1)
        _ = pool.lease(2)
        _ = try pool.refused(2)
        #expect(pool.pool.warm(8).text == "")
    }

    @Test func aPoolThatIsShutDownBeginsNothing() throws {
        var pool = try PoolHarness()
        try pool.occupy(1)
        _ = pool.shutdown(isGraceful: true)
        #expect(pool.pool.warm(8).text == "")
    }
}

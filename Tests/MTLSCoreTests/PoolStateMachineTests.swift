import Testing

@testable import MTLSCore

@Suite struct PoolStateMachineTests {
    // MARK: Serving

    @Test func theFirstRequestGetsANewConnection() throws {
        var pool = try PoolHarness()
        #expect(pool.lease(1) == "open 1")
        #expect(try pool.connected(1) == "run 1 on 1")
    }

    @Test func aParkedConnectionIsUsedAgain() throws {
        var pool = try PoolHarness()
        try pool.occupy(1)
        #expect(try pool.kept(1, until: 4) == "timer 4.0")
        #expect(pool.lease(2, at: 1) == "run 2 on 1 again")
    }

    @Test func theConnectionParkedLastIsUsedFirst() throws {
        var pool = try PoolHarness()
        try pool.occupy(3)
        for id in [2, 3, 1] { _ = try pool.kept(id) }
        #expect(pool.lease(4) == "run 4 on 1 again")
        #expect(pool.lease(5) == "run 5 on 3 again")
        #expect(pool.lease(6) == "run 6 on 2 again")
    }

    @Test func whoWaitsLongestIsServedByWhateverComesFreeFirst() throws {
        var pool = try PoolHarness { $0.connectionLimit = 2 }
        try pool.occupy(1)
        #expect(pool.lease(2) == "open 2")
        #expect(pool.lease(3) == "")
        #expect(try pool.kept(1) == "run 2 on 1 again")
        #expect(try pool.connected(2) == "run 3 on 2")
    }

    @Test func aConnectionThatNobodyNeedsAnyMoreIsParked() throws {
        var pool = try PoolHarness { $0.idleTimeout = .seconds(60) }
        try pool.occupy(1)
        _ = pool.lease(2)
        _ = try pool.kept(1)
        #expect(try pool.connected(2) == "timer 60.0")
        #expect(pool.lease(3) == "run 3 on 2")
    }

    @Test func anAttemptGoesOnWhenItsRequestIsCancelled() throws {
        var pool = try PoolHarness()
        _ = pool.lease(1)
        #expect(pool.cancel(1) == "")
        #expect(try pool.connected(1) == "timer 4.0")
    }

    @Test func aNewRequestTakesOverTheAttemptOfACancelledOne() throws {
        var pool = try PoolHarness()
        _ = pool.lease(1)
        _ = pool.cancel(1)
        #expect(pool.lease(2) == "")
        #expect(try pool.connected(1) == "run 2 on 1")
    }

    @Test func cancellingARequestThatDoesNotWaitChangesNothing() throws {
        var pool = try PoolHarness()
        try pool.occupy(1)
        #expect(pool.cancel(1) == "")
        #expect(pool.cancel(99) == "")
        #expect(try pool.kept(1) != "")
    }

    @Test func cancelledRequestsAreSkipped() throws {
        var pool = try PoolHarness { $0.connectionLimit = 1 }
        try pool.occupy(1)
        for request in 2...5 { _ = pool.lease(request) }
        _ = pool.cancel(2)
        _ = pool.cancel(4)
        #expect(try pool.kept(1) == "run 3 on 1 again")
        #expect(try pool.kept(1) == "run 5 on 1 again")
    }

    // MARK: Limits

    @Test func connectionsNeverExceedTheirLimit() throws {
        var pool = try PoolHarness { $0.connectionLimit = 2 }
        #expect(pool.lease(1) == "open 1")
        #expect(pool.lease(2) == "open 2")
        #expect(pool.lease(3) == "")
    }

    @Test func aLimitBelowOneMeansOne() throws {
        var pool = try PoolHarness { $0.connectionLimit = 0 }
        #expect(pool.lease(1) == "open 1")
    }

    @Test func theDefaultLimitIsEight() throws {
        var pool = try PoolHarness()
        let actions = (1...9).map { pool.lease($0) }
        #expect(actions.filter { !$0.isEmpty }.count == 8)
    }

    @Test func aFullQueueRefusesRequests() throws {
        var pool = try PoolHarness { ($0.connectionLimit, $0.queueLimit) = (1, 1) }
        _ = pool.lease(1)
        #expect(pool.lease(2) == "")
        #expect(pool.lease(3) == "fail 3 connect.queueFull")
        _ = pool.cancel(2)
        #expect(pool.lease(4) == "")
    }

    @Test func aQueueLimitOfZeroStillServesAsManyAsThereAreConnections() throws {
        var pool = try PoolHarness { ($0.connectionLimit, $0.queueLimit) = (2, 0) }
        try pool.occupy(2)
        #expect(pool.lease(3) == "fail 3 connect.queueFull")
        _ = try pool.kept(1)
        #expect(pool.lease(4) == "run 4 on 1 again")
    }

    @Test func aClosedConnectionMakesRoomAtOnce() throws {
        var pool = try PoolHarness { $0.connectionLimit = 1 }
        try pool.occupy(1)
        _ = pool.lease(2)
        #expect(try pool.spent(1) == "close 1, open 2")
        #expect(try pool.gone(1) == "")
        #expect(try pool.connected(2) == "run 2 on 2")
    }

    @Test func aConnectionServesNoMoreThanItsUses() throws {
        var pool = try PoolHarness { $0.maximumUses = 2 }
        try pool.occupy(1)
        _ = try pool.kept(1)
        _ = pool.lease(2)
        #expect(try pool.kept(1) == "close 1")
    }

    @Test func aConnectionServesNobodyBeyondItsAge() throws {
        var pool = try PoolHarness { $0.maximumAge = .seconds(10) }
        try pool.occupy(2)
        #expect(try pool.kept(1, at: 9) == "timer 10.0")
        #expect(try pool.kept(2, at: 10) == "close 2")
        #expect(pool.lease(3, at: 10) == "close 1, open 3")
    }

    @Test(arguments: [0, -1])
    func uselessLimitsOfUseDoNotMakeAnEndlessLoop(_ limit: Int) throws {
        var pool = try PoolHarness {
            ($0.maximumUses, $0.maximumAge, $0.idleTimeout) = (limit, .seconds(limit), .seconds(limit))
        }
        _ = pool.lease(1)
        #expect(try pool.connected(1) == "run 1 on 1")
        #expect(try pool.kept(1) == "close 1")
    }

    // MARK: Time

    @Test func anIdleConnectionIsClosedAtItsTime() throws {
        var pool = try PoolHarness()
        try pool.occupy(1)
        _ = try pool.kept(1, until: 4)
        #expect(pool.timer(at: 4) == "close 1")
    }

    @Test func aTimerThatFiresEarlyIsSetAgain() throws {
        var pool = try PoolHarness()
        try pool.occupy(1)
        _ = try pool.kept(1, until: 4)
        _ = pool.lease(2, at: 3)
        #expect(try pool.kept(1, until: 7, at: 3) == "")
        #expect(pool.timer(at: 4) == "timer 7.0")
        #expect(pool.timer(at: 7) == "close 1")
    }

    @Test func theTimerMovesForwardOnly() throws {
        var pool = try PoolHarness()
        try pool.occupy(2)
        #expect(try pool.kept(1, until: 8) == "timer 8.0")
        #expect(try pool.kept(2, until: 4) == "timer 4.0")
        #expect(pool.timer(at: 4) == "close 2, timer 8.0")
    }

    @Test func aConnectionWhoseTimerIsLateIsNotUsed() throws {
        var pool = try PoolHarness()
        try pool.occupy(1)
        _ = try pool.kept(1, until: 4)
        #expect(pool.lease(2, at: 4) == "close 1, open 2")
    }

    @Test func aVerdictThatIsOverAlreadyCloses() throws {
        var pool = try PoolHarness()
        try pool.occupy(1)
        #expect(try pool.kept(1, until: 4, at: 4) == "close 1")
    }

    @Test func aRequestWaitsNoLongerThanItsLimit() throws {
        var pool = try PoolHarness { $0.connectionLimit = 1 }
        try pool.occupy(1)
        #expect(pool.lease(2, wait: .seconds(30)) == "timer 30.0")
        #expect(pool.lease(3, at: 1, wait: .seconds(5)) == "timer 6.0")
        #expect(pool.timer(at: 6) == "fail 3 timeout.wait, timer 30.0")
        #expect(pool.timer(at: 30) == "fail 2 timeout.wait")
    }

    @Test func theLimitSparesThoseForWhomAConnectionIsBeingMade() throws {
        var pool = try PoolHarness { $0.connectionLimit = 1 }
        #expect(pool.lease(1, wait: .seconds(5)) == "open 1, timer 5.0")
        #expect(pool.lease(2, wait: .seconds(5)) == "")
        #expect(pool.timer(at: 5) == "fail 2 timeout.wait")
        #expect(try pool.connected(1, at: 60) == "run 1 on 1")
    }

    @Test func theLimitCountsAgainWhenTheAttemptServesAnother() throws {
        var pool = try PoolHarness { $0.connectionLimit = 2 }
        try pool.occupy(1)
        _ = pool.lease(2, wait: .seconds(5))
        _ = pool.timer(at: 5)
        #expect(try pool.kept(1, at: 6) == "run 2 on 1 again")

        _ = pool.lease(3, at: 6)
        _ = pool.lease(4, at: 6, wait: .seconds(5))
        #expect(pool.timer(at: 11) == "fail 4 timeout.wait")
    }

    @Test func theLimitCountsAgainWhenTheAttemptFails() throws {
        var pool = try PoolHarness()
        try pool.occupy(1)
        _ = pool.lease(2, wait: .seconds(5))
        #expect(pool.timer(at: 5) == "")
        #expect(try pool.refused(2, at: 6).contains("fail 2 timeout.wait"))
    }

    @Test func theWaitTimeoutTellsTheLastFailure() throws {
        var pool = try PoolHarness()
        try pool.occupy(1)
        _ = pool.lease(2, wait: .seconds(5))
        _ = pool.timer(at: 5)
        let action = try pool.pool.connectFailed(2, testError(), isPermanent: false, now: .seconds(6))
        let error = try #require(action.fail.first?.error)
        #expect((error.underlying as? MTLSError)?.code == .connectFailed)
        #expect(error.message.contains("5 s"))
        #expect(error.origin == "https://api.example:443")
    }

    // MARK: The peer closes, and stale connections

    @Test func aConnectionThatThePeerClosedIsNotUsed() throws {
        var pool = try PoolHarness()
        try pool.occupy(2)
        _ = try pool.kept(1)
        _ = try pool.kept(2)
        #expect(try pool.gone(2) == "")
        #expect(pool.lease(3) == "run 3 on 1 again")
    }

    @Test func whoWaitsForAConnectionThatBreaksGetsANewOne() throws {
        var pool = try PoolHarness { $0.connectionLimit = 1 }
        try pool.occupy(1)
        _ = pool.lease(2)
        #expect(try pool.gone(1) == "open 2")
    }

    @Test func aRetryClosesTheIdleConnections() throws {
        var pool = try PoolHarness()
        try pool.occupy(3)
        for id in [1, 2, 3] { _ = try pool.kept(id) }
        _ = pool.lease(4)
        #expect(try pool.spent(3) == "close 3")
        #expect(pool.lease(4, distrustingIdle: true) == "close 1, close 2, open 4")
    }

    @Test func aRetiredConnectionServesNobody() throws {
        var pool = try PoolHarness()
        try pool.occupy(2)
        _ = try pool.kept(1)
        #expect(try pool.retire(1) == "close 1")
        #expect(try pool.retire(2) == "")
        #expect(try pool.kept(2) == "close 2")
        #expect(try pool.retire(2) == "")
    }

    @Test func whoWaitsForARetiredConnectionGetsANewOne() throws {
        var pool = try PoolHarness { $0.connectionLimit = 1 }
        try pool.occupy(1)
        _ = pool.lease(2)
        #expect(try pool.retire(1) == "")
        #expect(try pool.kept(1) == "close 1, open 2")
        #expect(try pool.connected(2) == "run 2 on 2")
    }

    @Test func aRetiredAttemptIsReplaced() throws {
        var pool = try PoolHarness()
        _ = pool.lease(1)
        #expect(try pool.retire(1) == "close 1, open 2")
        #expect(try pool.connected(1) == "close 1")
        #expect(try pool.connected(2) == "run 1 on 2")
    }
}

import Testing

@testable import MTLSCore

@Suite struct PoolFailureTests {
    // MARK: Permanent

    @Test func aPermanentFailureFailsAllWhoWait() throws {
        var pool = try PoolHarness { $0.connectionLimit = 2 }
        for request in 1...3 { _ = pool.lease(request) }
        #expect(
            try pool.rejected(1) == "fail 1 token.pinIncorrect, fail 2 token.pinIncorrect, fail 3 token.pinIncorrect")
        #expect(try pool.rejected(2) == "")
    }

    @Test func aPermanentFailureOfAnOldAttemptLeavesAloneWhoCameLater() throws {
        var pool = try PoolHarness { $0.connectionLimit = 2 }
        for request in 1...2 { _ = pool.lease(request) }
        #expect(try pool.rejected(1) == "fail 1 token.pinIncorrect, fail 2 token.pinIncorrect")
        // The PIN was corrected meanwhile.
        #expect(pool.lease(3) == "")
        #expect(try pool.rejected(2) == "open 3")
        #expect(try pool.rejected(3) == "fail 3 token.pinIncorrect")
    }

    @Test func aPermanentFailureLeavesAloneWhoRuns() throws {
        var pool = try PoolHarness()
        try pool.occupy(1)
        _ = pool.lease(2)
        #expect(try pool.rejected(2) == "fail 2 token.pinIncorrect")
        #expect(try pool.kept(1, until: 4) == "timer 4.0")
    }

    @Test func theErrorNamesTheOrigin() throws {
        var pool = try PoolHarness()
        _ = pool.lease(1)
        let action = try pool.pool.connectFailed(1, testError(), isPermanent: true, now: .start)
        #expect(action.fail.first?.error.origin == "https://api.example:443")
    }

    // MARK: Transient

    @Test func aFailureWithNothingLeftFailsTheRequest() throws {
        var pool = try PoolHarness()
        _ = pool.lease(1)
        #expect(try pool.refused(1) == "fail 1 connect.failed")
        #expect(pool.lease(2) == "open 2")
    }

    @Test func aFailureIsForgivenWhileOtherAttemptsAreUnderWay() throws {
        var pool = try PoolHarness()
        _ = pool.lease(1)
        _ = pool.lease(2)
        #expect(try pool.refused(1) == "")
        #expect(try pool.connected(2) == "run 1 on 2, open 3")
    }

    @Test func whenAllAttemptsFailAllFailTogether() throws {
        var pool = try PoolHarness { $0.connectionLimit = 2 }
        for request in 1...3 { _ = pool.lease(request) }
        #expect(try pool.refused(2) == "")
        #expect(try pool.refused(1) == "fail 1 connect.failed, fail 2 connect.failed, open 3")
        #expect(try pool.refused(3) == "fail 3 connect.failed")
    }

    @Test func whoCameLaterGetsAnAttemptOfTheirOwn() throws {
        var pool = try PoolHarness { $0.connectionLimit = 1 }
        _ = pool.lease(1)
        _ = pool.lease(2)
        _ = pool.lease(3)
        #expect(try pool.refused(1) == "fail 1 connect.failed, open 2")
        #expect(pool.lease(4) == "")
        #expect(try pool.refused(2) == "fail 2 connect.failed, fail 3 connect.failed, open 3")
        #expect(try pool.connected(3) == "run 4 on 3")
    }

    @Test func inDoubtNoFurtherAttemptBegins() throws {
        var pool = try PoolHarness()
        _ = pool.lease(1)
        _ = pool.lease(2)
        _ = try pool.refused(1)
        #expect(pool.lease(3) == "")
        #expect(try pool.connected(2) == "run 1 on 2, open 3, open 4")
    }

    @Test func whileConnectionsAreInUseAFailureMakesNobodyFail() throws {
        var pool = try PoolHarness()
        try pool.occupy(1)
        _ = pool.lease(2)
        #expect(try pool.refused(2) == "timer 0.1")
        #expect(try pool.kept(1) == "run 2 on 1 again")
    }

    @Test func thePauseBetweenAttemptsDoublesUpToItsLimit() throws {
        var pool = try PoolHarness()
        try pool.occupy(1)
        _ = pool.lease(2)
        var now = Deadline.start
        var pauses: [Duration] = []
        for id in 2...10 {
            let action = try pool.pool.connectFailed(id, testError(), isPermanent: false, now: now)
            let end = try #require(action.timer)
            pauses.append(end - now)
            now = end
            #expect(pool.pool.timer(now: now).text == "open \(id + 1)")
        }
        #expect(pauses == [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000].map { .milliseconds($0) })
    }

    @Test func inDoubtThePauseIsNotAskedForWhenNothingIsInUse() throws {
        var pool = try PoolHarness { $0.connectionLimit = 2 }
        try pool.occupy(1)
        _ = pool.lease(2)
        _ = try pool.refused(2)
        #expect(try pool.spent(1) == "close 1, open 3")
        #expect(try pool.refused(3) == "fail 2 connect.failed")
    }

    @Test func aSuccessEndsTheDoubt() throws {
        var pool = try PoolHarness()
        try pool.occupy(1)
        _ = pool.lease(2)
        _ = try pool.refused(2)
        _ = pool.lease(3)
        #expect(pool.timer(at: 0.1) == "open 3")
        #expect(try pool.connected(3, at: 0.2) == "run 2 on 3, open 4")
        #expect(pool.lease(4, at: 0.2) == "open 5")
    }

    @Test func theDoubtDoesNotOutliveWhoeverWaited() throws {
        var pool = try PoolHarness()
        _ = pool.lease(1)
        _ = try pool.refused(1)
        #expect(pool.lease(2) == "open 2")
        #expect(pool.lease(3) == "open 3")
    }

    @Test func aSurplusAttemptThatFailsConcernsNobody() throws {
        var pool = try PoolHarness()
        _ = pool.lease(1)
        _ = pool.cancel(1)
        #expect(try pool.refused(1) == "")
        #expect(pool.lease(2) == "open 2")
    }

    // MARK: Shutdown

    @Test func anEmptyPoolShutsDownAtOnce() throws {
        for isGraceful in [true, false] {
            var pool = try PoolHarness()
            #expect(pool.shutdown(isGraceful: isGraceful) == "shut down")
            #expect(pool.shutdown(isGraceful: false) == "")
        }
    }

    @Test func aClosedPoolRefusesRequests() throws {
        var pool = try PoolHarness()
        _ = pool.shutdown(isGraceful: true)
        #expect(pool.lease(1) == "fail 1 client.closed")
    }

    @Test func theShutdownEndsWhenTheLastConnectionIsGone() throws {
        var pool = try PoolHarness()
        try pool.occupy(2)
        _ = try pool.kept(1)
        _ = try pool.kept(2)
        #expect(pool.shutdown(isGraceful: true) == "close 1, close 2")
        #expect(try pool.gone(1) == "")
        #expect(try pool.gone(2) == "shut down")
    }

    @Test func aGracefulShutdownServesWhoWaitsAndWhoRuns() throws {
        var pool = try PoolHarness { $0.connectionLimit = 1 }
        try pool.occupy(1)
        _ = pool.lease(2)
        #expect(pool.shutdown(isGraceful: true) == "")
        #expect(try pool.kept(1) == "run 2 on 1 again")
        #expect(try pool.kept(1) == "close 1")
        #expect(try pool.gone(1) == "shut down")
    }

    @Test func aGracefulShutdownEndsAttemptsThatNobodyNeeds() throws {
        var pool = try PoolHarness()
        _ = pool.lease(1)
        #expect(pool.shutdown(isGraceful: true) == "")
        #expect(pool.cancel(1) == "close 1")
        #expect(try pool.refused(1) == "shut down")
    }

    @Test func aShutdownAtOnceFailsWhoWaitsAndClosesWhatRuns() throws {
        var pool = try PoolHarness { $0.connectionLimit = 2 }
        try pool.occupy(1)
        _ = pool.lease(2)
        _ = pool.lease(3)
        #expect(pool.shutdown(isGraceful: false) == "close 1, close 2, fail 2 client.closed, fail 3 client.closed")
        #expect(try pool.spent(1) == "")
        #expect(try pool.gone(1) == "")
        #expect(try pool.connected(2) == "close 2")
        #expect(try pool.gone(2) == "shut down")
    }

    @Test func aGracefulShutdownCanBecomeOneAtOnce() throws {
        var pool = try PoolHarness()
        try pool.occupy(1)
        #expect(pool.shutdown(isGraceful: true) == "")
        #expect(pool.shutdown(isGraceful: false) == "close 1")
        #expect(pool.shutdown(isGraceful: true) == "")
        #expect(try pool.gone(1) == "shut down")
    }

    // MARK: Impossible events

    @Test func impossibleEventsAreReportedAndDoNotTrap() throws {
        #expect(throws: InvariantViolation.self) {
            var pool = try PoolHarness(); _ = try pool.connected(1)
        }
        #expect(throws: InvariantViolation.self) {
            var pool = try PoolHarness(); _ = try pool.refused(1)
        }
        #expect(throws: InvariantViolation.self) {
            var pool = try PoolHarness(); _ = try pool.kept(1)
        }
        #expect(throws: InvariantViolation.self) {
            var pool = try PoolHarness(); _ = try pool.gone(1)
        }
        #expect(throws: InvariantViolation.self) {
            var pool = try PoolHarness(); _ = try pool.retire(1)
        }
    }

    @Test func aConnectionIsReleasedOnce() throws {
        var pool = try PoolHarness()
        try pool.occupy(1)
        _ = try pool.kept(1)
        do {
            _ = try pool.kept(1)
            Issue.record("released twice")
        } catch let violation as InvariantViolation {
            #expect(violation.event == "released(1)")
            #expect(violation.error(phase: .wait).fault == .us)
        }
    }
}

import Testing

@testable import MTLSCore

/// When an identity is looked at again, and who waits for it.
@Suite struct RefreshStateMachineTests {
    /// By the default pace: looks 0.25 s apart, patience of 0.5 s, another try after 30 s.
    private func loaded(at seconds: Double = 0) -> RefreshStateMachine {
        var machine = RefreshStateMachine()
        _ = machine.asked(now: .seconds(seconds))
        machine.loaded(now: .seconds(seconds))
        return machine
    }

    @Test func theFirstLoadsAndEverybodyWaits() {
        var machine = RefreshStateMachine()
        #expect(machine.asked(now: .seconds(0)) == .begin)
        #expect(machine.asked(now: .seconds(0)) == .wait)
        #expect(machine.patienceEnded() == false)
        #expect(machine.asked(now: .seconds(100)) == .wait)
        machine.loaded(now: .seconds(100))
        #expect(machine.asked(now: .seconds(100.1)) == .serve)
    }

    @Test func aFirstLoadingThatFailedIsTriedByTheNext() {
        var machine = RefreshStateMachine()
        _ = machine.asked(now: .seconds(0))
        machine.failed(now: .seconds(1))
        #expect(!machine.isLoaded)
        #expect(machine.asked(now: .seconds(1)) == .begin)
    }

    @Test func betweenLooksEverybodyIsServed() {
        var machine = loaded()
        #expect(machine.asked(now: .seconds(0.24)) == .serve)
        #expect(machine.asked(now: .seconds(0.25)) == .begin)
        #expect(machine.asked(now: .seconds(0.25)) == .wait)
        machine.unchanged(now: .seconds(0.26))
        #expect(machine.asked(now: .seconds(0.5)) == .serve)
        #expect(machine.asked(now: .seconds(0.51)) == .begin)
    }

    @Test func nobodyWhoCanBeServedWaitsForALookThatHangs() {
        var machine = loaded()
        _ = machine.asked(now: .seconds(1))
        #expect(machine.patienceEnded() == true)
        #expect(machine.patienceEnded() == false)
        #expect(machine.asked(now: .seconds(2)) == .serve)
        #expect(machine.demanded() == .wait)
        machine.loaded(now: .seconds(3))
        #expect(machine.asked(now: .seconds(3.25)) == .begin)
    }

    @Test func patienceThatEndsTooLateMattersToNobody() {
        var machine = loaded()
        #expect(machine.patienceEnded() == false)
        #expect(machine.asked(now: .seconds(1)) == .begin)
    }

    @Test func aDemandWaitsForWhatIsUnderWayAndThenHasItsOwn() {
        var machine = loaded()
        _ = machine.asked(now: .seconds(1))
        #expect(machine.demanded() == .wait)
        machine.loaded(now: .seconds(1))
        #expect(machine.demanded() == .begin)
        #expect(machine.asked(now: .seconds(1)) == .wait)
    }

    @Test func aFailureIsTriedAgainAfterAWhileUntilItIsMended() {
        var machine = loaded()
        #expect(!machine.isRetryDue(now: .seconds(100)))
        _ = machine.asked(now: .seconds(100))
        machine.failed(now: .seconds(100))
        #expect(!machine.isRetryDue(now: .seconds(129)))
        #expect(machine.isRetryDue(now: .seconds(130)))
        _ = machine.asked(now: .seconds(131))
        machine.unchanged(now: .seconds(131))
        #expect(machine.isRetryDue(now: .seconds(131)))
        _ = machine.asked(now: .seconds(132))
        machine.loaded(now: .seconds(132))
        #expect(!machine.isRetryDue(now: .seconds(1000)))
    }
}

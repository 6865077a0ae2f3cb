import MTLSCore
import Testing

@Suite final class HandshakeCoalescingTests {
    private static func time(_ milliseconds: Int64) -> Deadline { Deadline(nanoseconds: milliseconds * 1_000_000) }
    private static let start = time(0)
    private static let wrongPIN = MTLSError(.pinIncorrect, phase: .sign, fault: .token, "wrong")

    private var machine = HandshakeCoalescing()

    /// - Returns: Who waits.
    private func arrive(_ ids: ClosedRange<Int>, at time: Deadline = start) -> [Int] {
        ids.filter { machine.arrive($0, now: time).waits }
    }

    private func established(
        _ id: Int, isResumed: Bool = false, grace: Duration? = .milliseconds(50), at time: Deadline = start
    ) -> HandshakeCoalescing.Action {
        machine.established(id, isResumed: isResumed, grace: grace, now: time)
    }

    @Test func theFirstMakesAHandshakeAndTheOthersWait() {
        #expect(arrive(1...4) == [2, 3, 4])
    }

    @Test func eachTicketFreesOneFollower() {
        _ = arrive(1...4)
        _ = established(1)
        #expect(machine.given(1, isReusable: false).resume == [2])
        #expect(machine.given(1, isReusable: false).resume == [3])
        _ = established(2, isResumed: true)
        #expect(machine.given(2, isReusable: false).resume == [4])
        #expect(machine.given(2, isReusable: false).resume == [])
    }

    @Test func aSessionThatIsReusableFreesAll() {
        _ = arrive(1...4)
        #expect(machine.given(1, isReusable: true).resume == [2, 3, 4])
    }

    @Test(arguments: [1, 2, 4], [1, 2])
    func aBurstCostsOneHandshakeWhateverTheNumberOfTickets(perFull: Int, perResumed: Int) {
        var (full, resumed) = (0, 0)
        var running: [(id: Int, isResumed: Bool)] = [(1, false)]
        _ = arrive(1...32)
        while let (id, isResumed) = running.popLast() {
            if isResumed { resumed += 1 } else { full += 1 }
            _ = established(id, isResumed: isResumed)
            for _ in 0..<(isResumed ? perResumed : perFull) {
                running += machine.given(id, isReusable: false).resume.map { ($0, true) }
            }
            running += machine.exhausted(id).proceed.map { ($0, false) }
        }
        #expect((full, resumed) == (1, 31))
        #expect(machine.isIdle)
    }

    @Test func aServerWithoutTicketsForResumedSessionsCostsOneHandshakeForEachSupply() {
        _ = arrive(1...4)
        _ = established(1)
        #expect(machine.given(1, isReusable: false).resume == [2])
        _ = established(2, isResumed: true)
        #expect(machine.exhausted(1).proceed == [])
        #expect(machine.exhausted(2).proceed == [3])
        _ = established(3)
        #expect(machine.given(3, isReusable: false).resume == [4])
    }

    @Test func aServerThatGivesNothingIsWaitedForOnce() {
        _ = arrive(1...4)
        let action = established(1, at: Self.time(10))
        #expect(action.timer == Self.time(60))
        #expect(machine.timer(now: Self.time(59)).proceed == [])
        #expect(machine.timer(now: Self.time(60)).proceed == [2, 3, 4])
        #expect(arrive(5...8) == [])
        // It has changed its mind.
        _ = machine.given(5, isReusable: false)
        #expect(arrive(9...9) == [9])
    }

    @Test func anAnswerWithoutATicketEndsTheWait() {
        _ = arrive(1...3)
        _ = established(1)
        #expect(machine.exhausted(1).proceed == [2, 3])
    }

    @Test func whereNoTicketCanComeNobodyWaits() {
        _ = arrive(1...3)
        #expect(established(1, grace: nil).proceed == [2, 3])
    }

    @Test func whoArrivesAfterTheGraceMakesAHandshake() {
        _ = arrive(1...1)
        _ = established(1)
        #expect(arrive(2...2, at: Self.time(49)) == [2])
        #expect(arrive(3...3, at: Self.time(50)) == [])
    }

    @Test func sessionsThatAreDeclinedAreNotWaitedForAgain() {
        _ = arrive(1...4)
        _ = established(1)
        #expect(machine.given(1, isReusable: false).resume == [2])
        #expect(machine.given(1, isReusable: false).resume == [3])
        _ = established(2, isResumed: false)
        #expect(established(3, isResumed: false).proceed == [4])
        #expect(arrive(5...6) == [])
        machine.resumes(7)
        _ = established(7, isResumed: true)
        #expect(arrive(8...8) == [8])
    }

    @Test func aFailureThatWouldBefallAllBefallsAll() throws {
        _ = arrive(1...3)
        let action = machine.failed(1, .permanent(Self.wrongPIN))
        let failed = try #require(action.fail)
        #expect(failed.followers == [2, 3])
        #expect(failed.error.code == .pinIncorrect)
        #expect(machine.isIdle)
        #expect(arrive(4...5) == [5])
    }

    @Test func afterAnotherFailureTheNextGoesFirst() {
        _ = arrive(1...3)
        #expect(machine.failed(1, .other).proceed == [2])
        #expect(machine.failed(2, .other).proceed == [3])
    }

    @Test func whenTheServerCannotBeReachedAllGoAtOnce() {
        _ = arrive(1...3)
        #expect(machine.failed(1, .unreachable).proceed == [2, 3])
    }

    @Test func aConnectionThatEndsMakesRoomForTheNext() {
        _ = arrive(1...3)
        #expect(machine.ended(1).proceed == [2])
    }

    @Test func aFollowerThatGivesUpIsNotServed() {
        _ = arrive(1...3)
        #expect(machine.ended(2).proceed == [])
        #expect(machine.given(1, isReusable: false).resume == [3])
    }

    @Test func aFollowerWhoseSessionIsGoneMayTeachThatThereAreNone() {
        _ = arrive(1...3)
        _ = machine.given(1, isReusable: false)
        machine.hasNoSession(2)
        #expect(established(2, grace: nil).proceed == [3])
    }

    @Test func theTimerIsSetOnlyForAnEarlierTime() {
        _ = arrive(1...3)
        #expect(established(1, grace: .milliseconds(50)).timer == Self.time(50))
        #expect(machine.given(1, isReusable: false).resume == [2])
        #expect(established(2, isResumed: true, grace: .milliseconds(80)).timer == nil)
        #expect(machine.timer(now: Self.time(50)).timer == Self.time(80))
        #expect(machine.timer(now: Self.time(80)).proceed == [3])
    }
}

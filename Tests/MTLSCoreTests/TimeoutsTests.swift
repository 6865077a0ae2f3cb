import Testing

@testable import MTLSCore

@Suite struct TimeoutsTests {
    @Test func theDefaultsAreThoseOfTheDocumentation() {
        let timeouts = Timeouts()
        let limits = Timeouts.Step.allCases.map { timeouts.limit(of: $0) }
        #expect(limits == [30, 10, 10, 60, 300, 300, nil].map { $0.map { .seconds($0) } })
    }

    @Test(arguments: [nil, Duration.zero, .seconds(-1)])
    func noLimitZeroAndLessAreOff(_ limit: Duration?) {
        let timeouts = Timeouts(
            wait: limit, connect: limit, handshake: limit, signature: limit, responseHead: limit, bodyChunk: limit,
            request: limit)
        for step in Timeouts.Step.allCases {
            #expect(timeouts.limit(of: step) == nil)
            #expect(timeouts.deadline(of: step, from: .start) == .distantFuture)
        }
    }

    @Test func aDeadlineIsTheStartAndTheLimit() {
        #expect(Timeouts().deadline(of: .connect, from: .start) == .seconds(10))
    }

    @Test(
        arguments: zip(
            Timeouts.Step.allCases,
            [
                MTLSError.Code.timeoutWait, .timeoutConnect, .timeoutHandshake, .timeoutSignature, .timeoutResponseHead,
                .timeoutBody, .timeoutRequest,
            ]))
    func everyStepHasItsOwnErrorThatNamesHostLimitAndOption(_ step: Timeouts.Step, _ code: MTLSError.Code) throws {
        let error = MTLSError.timeout(step, limit: .milliseconds(1500), origin: try testOrigin())
        #expect(error.code == code)
        #expect(error.message.contains("api.example:443"))
        #expect(error.message.contains("1.5 s"))
        #expect(error.advice?.contains("Timeouts.\(step.rawValue)") == true)
        #expect(error.origin == "https://api.example:443")
    }

    @Test func theFaultFollowsTheStep() throws {
        let origin = try testOrigin()
        let faults = Timeouts.Step.allCases.map { MTLSError.timeout($0, limit: .seconds(1), origin: origin).fault }
        #expect(faults == [.caller, .network, .peer, .token, .peer, .peer, .caller])
    }

    @Test(arguments: [
        (Duration.seconds(30), "30 s"), (.milliseconds(250), "250 ms"), (.milliseconds(1500), "1.5 s"),
        (.microseconds(1), "0 ms"), (.seconds(300), "300 s"), (.milliseconds(1040), "1 s"),
    ])
    func durationsAreWrittenForPeople(_ duration: Duration, _ text: String) {
        #expect(duration.forPeople == text)
    }
}

@Suite struct DeadlineTests {
    @Test func timeCanBeAddedAndSubtracted() {
        #expect(Deadline.start + .milliseconds(1) - .start == .milliseconds(1))
        #expect(Deadline.start + .seconds(-1) == .seconds(-1))
    }

    @Test func absurdSpansMeanNeverAndDoNotTrap() {
        #expect(Deadline.start + .seconds(Int64.max) == .distantFuture)
        #expect(Deadline.start + .seconds(Int64.min) < .start)
        #expect(Deadline(nanoseconds: .min) + .nanoseconds(-1) == Deadline(nanoseconds: .min))
        #expect(Deadline.distantFuture - Deadline(nanoseconds: .min) == .nanoseconds(Int64.max))
        #expect(Deadline(nanoseconds: .min) - .distantFuture == .nanoseconds(Int64.min))
        #expect(Duration.seconds(Int64.min).saturatedNanoseconds == .min)
    }
}

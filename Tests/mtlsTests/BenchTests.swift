import ArgumentParser
import HTTPTypes
import MTLSClient
import Testing

@testable import mtls

struct BenchTests {
    private func plan(_ arguments: String...) throws -> LoadPlan { try LoadPlan(LoadOptions.parse(arguments)) }

    @Test func withoutALimitTheLoadLastsTenSeconds() throws {
        #expect(try plan().limit == .duration(.seconds(10)))
        #expect(try plan("--duration", "0.5").limit == .duration(.milliseconds(500)))
        #expect(try plan("--requests", "7").limit == .requests(7))
    }

    @Test func connectionsAreMadeBeforeTheClockStartsUnlessEachRequestMakesItsOwn() throws {
        #expect(try plan("--concurrency", "4").warmUp == 4)
        #expect(try plan("--concurrency", "4", "--new-connections").warmUp == 0)
        #expect(try plan("--concurrency", "4", "--warm-up", "9").warmUp == 9)
    }

    @Test func aConnectionForEachRequestIsClosedByTheServer() throws {
        let plan = try plan("--new-connections")
        #expect(plan.defaultFields[.connection] == "close")
        #expect(plan.settings.maximumRequestsPerConnection == 1)
    }

    @Test func thereAreAsManyConnectionsAsAreAskedFor() throws {
        #expect(try plan("--concurrency", "64").settings.connectionLimit == 64)
        #expect(try plan("--idle-connections", "1000").settings.connectionLimit == 1000)
    }

    @Test func dataIsPosted() throws {
        #expect(try plan("--data", "x").method == .post)
        #expect(try plan("--data-size", "3", "--method", "PUT").method == .put)
        #expect(try plan().method == .get)
    }

    @Test(arguments: [
        ["--requests", "0"], ["--requests", "1", "--duration", "1"], ["--duration", "0"], ["--concurrency", "0"],
        ["--warm-up=-1"], ["--hold", "1"], ["--data", "x", "--data-size", "1"], ["--data-size=-1"],
        ["--method", "A B"], ["--idle-connections", "2", "--new-connections"], ["-H", "@file"],
    ])
    func whatCannotBeFollowedIsAUsageError(_ arguments: [String]) throws {
        let options = try LoadOptions.parse(arguments)
        #expect(throws: UsageError.self) { try LoadPlan(options) }
    }

    @Test func percentilesAreThoseOfWhatWasNoted() {
        let tally = LoadTally()
        for milliseconds in 1...100 { tally.note(200, bytes: 2, latency: .milliseconds(milliseconds)) }
        tally.note(503, bytes: 0, latency: .zero)
        let summary = tally.summary
        #expect(summary.requests == 101 && summary.errors == 0 && summary.bytes == 200)
        #expect(summary.statuses == [200: 100, 503: 1])
        #expect((49_900...50_100).contains(summary.microseconds(at: 50)))
        #expect((98_900...99_100).contains(summary.microseconds(at: 99)))
        #expect((100_000...100_100).contains(summary.longestMicroseconds))
    }

    @Test func theFirstErrorIsKept() {
        let tally = LoadTally()
        for code in [MTLSError.Code.connectFailed, .cancelled] {
            tally.note(MTLSError(code, phase: .connect, fault: .network, "no"))
        }
        #expect(tally.counts.errors == 2)
        #expect((tally.firstError as? MTLSError)?.code == .connectFailed)
    }

    @Test func numbersHaveTheirDigits() {
        #expect(LoadReport.digits(3.14159, 2) == "3.14")
        #expect(LoadReport.digits(0.996, 2) == "1.00")
        #expect(LoadReport.digits(12.0456, 3) == "12.046")
        #expect(LoadReport.digits(7.5, 0) == "8")
        #expect(LoadReport.digits(.infinity, 2) == "inf")
    }
}

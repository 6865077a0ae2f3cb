import ArgumentParser
import MTLSClient
import Testing

@testable import mtls

struct FollowPlanTests {
    private func plan(_ arguments: String...) throws -> FollowPlan {
        try FollowPlan(FollowOptions.parse(Arguments.split(arguments)))
    }

    @Test func nothingIsFollowedUnlessAsked() throws {
        let plan = try plan("--max-redirs", "3", "--retry-delay", "1")
        #expect(plan.redirects == nil && plan.retries == nil && plan.decompression == nil)
    }

    @Test func redirectsAreLimitedAsWithCurl() throws {
        #expect(try plan("-L").redirects?.maximum == 50)
        #expect(try plan("--location", "--max-redirs", "0").redirects?.maximum == 0)
        #expect(try plan("-L", "--max-redirs", "-1").redirects?.maximum == .max)
        for text in ["-2", "x", ""] { #expect(throws: UsageError.self) { try plan("-L", "--max-redirs", text) } }
    }

    @Test func furtherTriesWaitLongerEachTimeUnlessADelayIsGiven() throws {
        let retries = try #require(try plan("--retry", "4").retries)
        #expect(retries.maximum == 4 && retries.isJittered && retries.minimumDelay == .seconds(1))
        #expect(retries.statuses.contains(408) && retries.maximumTime == nil)
        let steady = try #require(try plan("--retry", "4", "--retry-delay", "2.5", "--retry-max-time", "9").retries)
        #expect(!steady.isJittered && steady.minimumDelay == .seconds(2.5) && steady.maximumDelay == .seconds(2.5))
        #expect(steady.maximumTime == .seconds(9))
        #expect(try plan("--retry", "0").retries == nil)
        #expect(throws: UsageError.self) { try plan("--retry", "-1") }
        #expect(throws: UsageError.self) { try plan("--retry", "1", "--retry-delay", "x") }
    }

    @Test func compressionIsAsked() throws {
        #expect(try plan("--compressed").decompression != nil)
    }
}

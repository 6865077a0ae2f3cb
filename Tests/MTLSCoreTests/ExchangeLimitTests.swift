import HTTPTypes
import Testing

@testable import MTLSCore

@Suite struct ExchangeLimitTests {
    @Test func theHeadIsAwaitedFromTheEndOfTheRequest() throws {
        var exchange = try ExchangeHarness(.post)
        _ = try exchange.start(at: 0)
        #expect(exchange.deadline == 300)
        exchange.exchange.wrote(now: .seconds(100))
        #expect(exchange.deadline == 400)
        exchange.exchange.requestEnded(now: .seconds(110))
        #expect(exchange.deadline == 410)
        #expect(exchange.timer(at: 409) == "")
        #expect(exchange.timer(at: 410) == "timeout.responseHead")
    }

    @Test func interimResponsesDoNotProlongTheWait() throws {
        var exchange = try ExchangeHarness()
        try exchange.send()
        _ = try exchange.head(100, at: 200)
        #expect(exchange.deadline == 300)
    }

    @Test func theBodysLimitRunsOnlyWhileAChunkIsAwaited() throws {
        var exchange = try ExchangeHarness()
        try exchange.send()
        _ = try exchange.head(200, ("Transfer-Encoding", "chunked"), at: 10)
        _ = exchange.readCompleted()
        #expect(exchange.deadline == nil)
        _ = exchange.demand(at: 1000)
        #expect(exchange.deadline == 1300)
        _ = try exchange.chunk(1, at: 1200)
        #expect(exchange.deadline == nil)
        _ = exchange.demand(at: 1200)
        #expect(exchange.timer(at: 1500) == "timeout.body")
    }

    @Test func theWholeRequestsLimitRunsAlways() throws {
        var exchange = try ExchangeHarness(.get, Timeouts(request: .seconds(20)))
        try exchange.send()
        #expect(exchange.deadline == 20)
        _ = try exchange.head(200, ("Transfer-Encoding", "chunked"), at: 10)
        #expect(exchange.deadline == 20)
        #expect(exchange.timer(at: 20) == "timeout.request")
    }

    @Test func limitsThatAreOffLeaveNoDeadline() throws {
        var exchange = try ExchangeHarness(.get, Timeouts(responseHead: nil, bodyChunk: .zero))
        try exchange.send()
        #expect(exchange.deadline == nil)
        _ = try exchange.head(200)
        _ = exchange.demand()
        #expect(exchange.deadline == nil)
        #expect(exchange.timer(at: 1_000_000) == "")
    }

    @Test func cancellingFailsTheExchangeAndStopsTheSending() throws {
        var exchange = try ExchangeHarness(.post)
        try exchange.beginSending()
        #expect(exchange.exchange.cancelled().text == "stop, request.cancelled")
    }

    @Test func anErrorFailsTheExchangeOnce() throws {
        var exchange = try ExchangeHarness()
        try exchange.send()
        #expect(exchange.exchange.failed(testError(.tlsFailed)).text == "tls.failed")
        #expect(exchange.exchange.failed(testError(.tlsFailed)).text == "")
        #expect(exchange.inputClosed(isClean: false) == "")
        #expect(exchange.exchange.cancelled().text == "")
        #expect(try exchange.head(200) == "")
        #expect(try exchange.chunk(1) == "")
        #expect(try exchange.end() == "")
        #expect(exchange.readCompleted() == "")
        #expect(exchange.demand() == "")
        #expect(exchange.deadline == nil)
    }

    @Test func anErrorBehindTheWholeResponseOnlyClosesTheConnection() throws {
        var exchange = try ExchangeHarness()
        try exchange.send()
        _ = try exchange.head(200, ("Content-Length", "0"))
        _ = try exchange.end()
        #expect(exchange.exchange.failed(testError(.tlsFailed)).text == "spent")
    }

    @Test func beforeAnyByteNothingWasWrittenOrSeen() throws {
        var exchange = try ExchangeHarness()
        _ = try exchange.start()
        #expect(exchange.exchange.wroteRequest == false)
        #expect(exchange.exchange.sawResponse == false)
    }

    @Test func impossibleEventsAreReportedAndDoNotTrap() throws {
        #expect(throws: InvariantViolation.self) {
            var exchange = try ExchangeHarness()
            _ = try exchange.start()
            _ = try exchange.start()
        }
        #expect(throws: InvariantViolation.self) {
            var exchange = try ExchangeHarness()
            _ = try exchange.head()
        }
        #expect(throws: InvariantViolation.self) {
            var exchange = try ExchangeHarness()
            try exchange.send()
            _ = try exchange.chunk(1)
        }
        #expect(throws: InvariantViolation.self) {
            var exchange = try ExchangeHarness()
            try exchange.send()
            _ = try exchange.end()
        }
        #expect(throws: InvariantViolation.self) {
            var exchange = try ExchangeHarness()
            try exchange.send()
            _ = try exchange.head()
            _ = try exchange.head()
        }
    }

    /// Any order of events ends with at most one outcome, and none comes after it.
    @Test(arguments: 0..<50)
    func anExchangeHasOneOutcome(_ seed: Int) throws {
        var random = SeededGenerator(state: UInt64(seed))
        for _ in 0..<200 {
            var exchange = try ExchangeHarness(.post)
            var outcomes = 0
            var text = try exchange.start()
            for step in 0..<40 {
                let now = Double(step)
                do {
                    switch Int.random(in: 0..<11, using: &random) {
                    case 0: text = try exchange.head(200, ("Content-Length", "9"), at: now)
                    case 1: text = try exchange.head(200, at: now)
                    case 2: text = try exchange.chunk(3, at: now)
                    case 3: text = try exchange.end()
                    case 4, 5: text = exchange.readCompleted()
                    case 6: text = exchange.demand(at: now)
                    case 7 where step > 10: text = exchange.inputClosed(isClean: Bool.random(using: &random))
                    case 8 where step > 20: text = exchange.exchange.cancelled().text
                    case 9:
                        exchange.exchange.requestEnded(now: .seconds(now))
                        text = ""
                    default: text = exchange.timer(at: now * 20)
                    }
                } catch is InvariantViolation {
                    text = ""
                }
                if outcomes == 1 { #expect(text == "", "something happens after the outcome") }
                if ["reusable", "spent", "."].contains(where: text.contains) { outcomes += 1 }
            }
            #expect(outcomes <= 1)
        }
    }
}

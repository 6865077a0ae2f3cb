import HTTPTypes
import Testing

@testable import MTLSCore

@Suite struct ExchangeStateMachineTests {
    // MARK: Plain walks

    @Test func aResponseInOneReadIsDeliveredAndTheConnectionGivenBack() throws {
        var exchange = try ExchangeHarness()
        try exchange.send()
        #expect(try exchange.head(200, ("Content-Length", "5")) == "head")
        #expect(try exchange.chunk(5) == "hold")
        #expect(try exchange.end() == "end")
        #expect(exchange.readCompleted() == "reusable")
    }

    @Test func startingAsksForARead() throws {
        var exchange = try ExchangeHarness()
        #expect(try exchange.start() == "read")
    }

    @Test func oneReadStaysOutstandingUntilTheHeadHasCome() throws {
        var exchange = try ExchangeHarness()
        try exchange.send()
        #expect(exchange.readCompleted() == "read")
        #expect(exchange.readCompleted() == "read")
        _ = try exchange.head(200, ("Content-Length", "5"))
        #expect(exchange.readCompleted() == "")
    }

    @Test func interimResponsesAreDeliveredAndTheHeadIsAwaitedFurther() throws {
        var exchange = try ExchangeHarness()
        try exchange.send()
        #expect(try exchange.head(103) == "interim")
        #expect(exchange.readCompleted() == "read")
        #expect(try exchange.head(200, ("Content-Length", "0")) == "head")
        #expect(try exchange.end() == "end")
        #expect(exchange.readCompleted() == "reusable")
    }

    @Test(arguments: [204, 304])
    func aResponseWithoutBodyEndsWithItsHead(_ status: Int) throws {
        var exchange = try ExchangeHarness()
        try exchange.send()
        #expect(try exchange.head(status, ("Content-Length", "5")) == "head")
        #expect(try exchange.end() == "end")
        #expect(exchange.readCompleted() == "reusable")
    }

    @Test func theAnswerToHEADHasNoBody() throws {
        var exchange = try ExchangeHarness(.head)
        try exchange.send()
        _ = try exchange.head(200, ("Content-Length", "5"))
        #expect(try exchange.end() == "end")
        #expect(exchange.readCompleted() == "reusable")
    }

    // MARK: Demand

    @Test func aChunkThatNobodyAskedForIsHeldAndStopsTheReading() throws {
        var exchange = try ExchangeHarness()
        try exchange.send()
        _ = try exchange.head(200, ("Transfer-Encoding", "chunked"))
        #expect(try exchange.chunk(10) == "hold")
        #expect(exchange.readCompleted() == "")
        #expect(exchange.demand() == "chunk")
        #expect(exchange.demand() == "read")
    }

    @Test func aChunkThatIsAwaitedIsDelivered() throws {
        var exchange = try ExchangeHarness()
        try exchange.send()
        _ = try exchange.head(200, ("Transfer-Encoding", "chunked"))
        _ = exchange.readCompleted()
        #expect(exchange.demand() == "read")
        #expect(try exchange.chunk(10) == "chunk")
        #expect(try exchange.chunk(10) == "hold")
        #expect(exchange.readCompleted() == "")
    }

    @Test func aReadThatBroughtNoChunkIsRepeatedWhileOneIsAwaited() throws {
        var exchange = try ExchangeHarness()
        try exchange.send()
        _ = try exchange.head(200, ("Transfer-Encoding", "chunked"))
        _ = exchange.readCompleted()
        #expect(exchange.demand() == "read")
        #expect(exchange.readCompleted() == "read")
    }

    @Test func oneReadAtATimeIsAskedFor() throws {
        var exchange = try ExchangeHarness()
        try exchange.send()
        _ = try exchange.head(200, ("Transfer-Encoding", "chunked"))
        #expect(exchange.demand() == "")
        #expect(exchange.readCompleted() == "read")
    }

    @Test func demandAfterTheEndAsksForNothing() throws {
        var exchange = try ExchangeHarness()
        try exchange.send()
        _ = try exchange.head(200, ("Content-Length", "3"))
        _ = try exchange.chunk(3)
        _ = try exchange.end()
        #expect(exchange.demand() == "")
    }

    // MARK: Early responses

    @Test func anErrorResponseStopsTheSending() throws {
        var exchange = try ExchangeHarness(.post)
        try exchange.beginSending()
        #expect(try exchange.head(413, ("Content-Length", "0")) == "head, stop")
        #expect(try exchange.end() == "end")
        #expect(exchange.readCompleted() == "spent")
    }

    @Test func aSuccessThatBeginsEarlyLetsTheSendingGoOn() throws {
        var exchange = try ExchangeHarness(.post)
        try exchange.beginSending()
        #expect(try exchange.head(200, ("Content-Length", "3")) == "head")
        exchange.exchange.requestEnded(now: .start)
        _ = try exchange.chunk(3)
        #expect(try exchange.end() == "end")
        #expect(exchange.readCompleted() == "reusable")
    }

    @Test func theEndOfTheResponseEndsTheSending() throws {
        var exchange = try ExchangeHarness(.post)
        try exchange.beginSending()
        _ = try exchange.head(200, ("Content-Length", "0"))
        #expect(try exchange.end() == "end, stop")
        #expect(exchange.readCompleted() == "spent")
    }

    @Test func anErrorResponseAfterTheRequestLeavesTheConnectionReusable() throws {
        var exchange = try ExchangeHarness(.post)
        try exchange.send()
        #expect(try exchange.head(500, ("Content-Length", "0")) == "head")
        _ = try exchange.end()
        #expect(exchange.readCompleted() == "reusable")
    }

    @Test func afterAFailedWriteTheServersWordsAreStillRead() throws {
        var exchange = try ExchangeHarness(.post)
        try exchange.beginSending()
        #expect(exchange.exchange.writeFailed(testError(.connectionLost)).text == "stop")
        #expect(exchange.readCompleted() == "read")
        #expect(try exchange.head(413, ("Content-Length", "0")) == "head")
        _ = try exchange.end()
        #expect(exchange.readCompleted() == "spent")
    }

    @Test func aFailedWriteIsToldWhenTheServerSaysNothing() throws {
        var exchange = try ExchangeHarness(.post)
        try exchange.beginSending()
        _ = exchange.exchange.writeFailed(testError(.connectionLost))
        #expect(exchange.inputClosed(isClean: true) == "connection.lost")
    }

    // MARK: Cut off

    @Test(arguments: [true, false])
    func aConnectionClosedWithoutAByteIsAnEmptyResponse(_ isClean: Bool) throws {
        var exchange = try ExchangeHarness()
        try exchange.send()
        #expect(exchange.inputClosed(isClean: isClean) == "response.empty")
        #expect(exchange.exchange.sawResponse == false)
        #expect(exchange.exchange.wroteRequest == true)
    }

    @Test func aConnectionClosedInTheHeadIsATruncatedResponse() throws {
        var exchange = try ExchangeHarness()
        try exchange.send()
        exchange.exchange.bytesCame()
        #expect(exchange.inputClosed(isClean: true) == "response.truncated")
        #expect(exchange.exchange.sawResponse == true)
    }

    @Test func aConnectionClosedAfterAnInterimResponseIsATruncatedResponse() throws {
        var exchange = try ExchangeHarness()
        try exchange.send()
        _ = try exchange.head(100)
        #expect(exchange.inputClosed(isClean: true) == "response.truncated")
    }

    @Test(arguments: [("Content-Length", "5"), ("Transfer-Encoding", "chunked")], [true, false])
    func aBodyCutShortIsTruncatedHoweverTheConnectionEnds(_ framing: (String, String), _ isClean: Bool) throws {
        var exchange = try ExchangeHarness()
        try exchange.send()
        _ = try exchange.head(200, framing)
        _ = try exchange.chunk(4)
        #expect(exchange.inputClosed(isClean: isClean) == "response.truncated")
    }

    @Test func aCodecThatEndsABodyTooEarlyIsNotBelieved() throws {
        var exchange = try ExchangeHarness()
        try exchange.send()
        _ = try exchange.head(200, ("Content-Length", "5"))
        _ = try exchange.chunk(4)
        #expect(try exchange.end() == "response.truncated")
    }

    @Test func aBodyUpToTheEndNeedsACloseNotify() throws {
        var exchange = try ExchangeHarness()
        try exchange.send()
        _ = try exchange.head(200)
        _ = try exchange.chunk(4)
        #expect(exchange.inputClosed(isClean: true) == "end, spent")

        var cut = try ExchangeHarness()
        try cut.send()
        _ = try cut.head(200)
        _ = try cut.chunk(4)
        #expect(cut.inputClosed(isClean: false) == "response.truncated")
    }

    @Test func theCodecsWordOnTheEndOfSuchABodyDoesNotCount() throws {
        var exchange = try ExchangeHarness()
        try exchange.send()
        _ = try exchange.head(200)
        #expect(try exchange.end() == "")
        #expect(exchange.inputClosed(isClean: false) == "response.truncated")
    }

    @Test func aConnectionClosedWithTheEndOfTheResponseIsNoError() throws {
        var exchange = try ExchangeHarness()
        try exchange.send()
        _ = try exchange.head(200, ("Content-Length", "0"))
        _ = try exchange.end()
        #expect(exchange.inputClosed(isClean: false) == "spent")
    }

    @Test func truncationIsThePeersFault() throws {
        var exchange = try ExchangeHarness()
        try exchange.send()
        guard case .failed(let error)? = exchange.exchange.inputClosed(isClean: false).outcome else {
            Issue.record("no failure")
            return
        }
        #expect(error.fault == .peer)
        #expect(error.phase == .response)
        #expect(error.origin == "https://api.example:443")
    }

    // MARK: Unasked bytes

    @Test func aSecondResponseClosesTheConnection() throws {
        var exchange = try ExchangeHarness()
        try exchange.send()
        _ = try exchange.head(200, ("Content-Length", "0"))
        _ = try exchange.end()
        #expect(try exchange.head(200, ("Content-Length", "1")) == "")
        #expect(try exchange.chunk(1) == "")
        #expect(try exchange.end() == "")
        #expect(exchange.readCompleted() == "spent")
    }

    @Test func bytesBehindTheResponseCloseTheConnection() throws {
        var exchange = try ExchangeHarness()
        try exchange.send()
        _ = try exchange.head(200, ("Content-Length", "0"))
        _ = try exchange.end()
        #expect(exchange.readCompleted(hasLeftover: true) == "spent")
    }

    @Test func bytesInAnotherPieceOfTheSameReadCloseTheConnection() throws {
        var exchange = try ExchangeHarness()
        try exchange.send()
        _ = try exchange.head(200, ("Content-Length", "0"))
        _ = try exchange.end()
        exchange.exchange.bytesCame()
        #expect(exchange.readCompleted() == "spent")
    }

    @Test func moreThanTheContentLengthIsMalformed() throws {
        var exchange = try ExchangeHarness()
        try exchange.send()
        _ = try exchange.head(200, ("Content-Length", "5"))
        #expect(try exchange.chunk(6) == "response.malformed")
    }

    @Test func aProtocolSwitchThatNobodyAskedForIsMalformed() throws {
        var exchange = try ExchangeHarness()
        try exchange.send()
        #expect(try exchange.head(101) == "response.malformed")
    }

    // MARK: Consent

    @Test func aBodyWaitsForTheServersConsent() throws {
        var exchange = try ExchangeHarness(.post, awaitsConsent: true)
        try exchange.beginSending()
        #expect(exchange.deadline == 1)
        #expect(try exchange.head(103) == "interim")
        #expect(try exchange.head(100, at: 0.5) == "interim, send")
        #expect(try exchange.head(100) == "interim")
        #expect(exchange.deadline == 300.5)
    }

    @Test func aServerThatSaysNothingGetsTheBodyAfterTheTimeForConsent() throws {
        var exchange = try ExchangeHarness(.post, awaitsConsent: true)
        try exchange.beginSending()
        #expect(exchange.timer(at: 0.9) == "")
        #expect(exchange.timer(at: 1) == "send")
        #expect(exchange.deadline == 301)
    }

    @Test(arguments: [200, 302, 417])
    func aFinalResponseSparesTheBodyThatWaits(_ status: Int) throws {
        var exchange = try ExchangeHarness(.post, awaitsConsent: true)
        try exchange.beginSending()
        #expect(try exchange.head(status, ("Content-Length", "0")) == "head, stop")
        _ = try exchange.end()
        #expect(exchange.readCompleted() == "spent")
    }

    // MARK: Another protocol

    @Test func aWantedSwitchOfProtocolsHandsTheConnectionOver() throws {
        var exchange = try ExchangeHarness(allowsUpgrade: true)
        try exchange.send()
        #expect(try exchange.head(101) == "head, handed over")
        #expect(exchange.inputClosed(isClean: true) == "")
    }

    @Test func aSuccessfulCONNECTHandsTheConnectionOver() throws {
        var exchange = try ExchangeHarness(.connect, allowsUpgrade: true)
        try exchange.send()
        #expect(try exchange.head(200) == "head, handed over")
    }

    @Test func aServerThatDeclinesToSwitchAnswersAsUsual() throws {
        var exchange = try ExchangeHarness(allowsUpgrade: true)
        try exchange.send()
        #expect(try exchange.head(426, ("Content-Length", "0")) == "head")
        _ = try exchange.end()
        #expect(exchange.readCompleted() == "reusable")
    }
}

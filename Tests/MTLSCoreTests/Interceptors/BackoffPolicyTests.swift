import HTTPTypes
import Testing

@testable import MTLSCore

struct BackoffPolicyTests {
    private func wait(
        _ settings: RetrySettings, _ outcome: BackoffPolicy.Outcome, tries: Int = 1, elapsed: Duration = .zero,
        remaining: Duration? = nil, chance: Double = 1
    ) -> Duration? {
        BackoffPolicy(settings).wait(
            after: outcome, tries: tries, elapsed: elapsed, remaining: remaining, date: 784_111_777, chance: chance)
    }

    private func error(_ code: MTLSError.Code, _ phase: MTLSError.Phase, _ fault: MTLSError.Fault) -> MTLSError {
        MTLSError(code, phase: phase, fault: fault, "it failed")
    }

    private func lost() -> BackoffPolicy.Outcome { .failed(error(.connectionLost, .response, .network)) }

    @Test func theLongestWaitDoublesUpToTheLimit() {
        var settings = RetrySettings(maximum: 10)
        settings.maximumDelay = .seconds(3)
        let waits = (1...5).map { wait(settings, lost(), tries: $0) }
        #expect(waits == [.milliseconds(500), .seconds(1), .seconds(2), .seconds(3), .seconds(3)])
    }

    @Test func chanceDrawsFromNothingToTheLongestWait() {
        let settings = RetrySettings()
        #expect(wait(settings, lost(), chance: 0) == .zero)
        #expect(wait(settings, lost(), chance: 0.5) == .milliseconds(250))
        var steady = settings
        steady.isJittered = false
        #expect(wait(steady, lost(), chance: 0) == .milliseconds(500))
    }

    @Test(arguments: [Double.infinity, .nan, 1e300, -1, 0])
    func anAbsurdFactorDoesNotTrap(_ factor: Double) throws {
        var settings = RetrySettings(maximum: 100)
        settings.factor = factor
        let longest = try #require(wait(settings, lost(), tries: 50))
        #expect(longest >= .zero && longest <= settings.maximumDelay)
    }

    @Test func afterTheLastTryThereIsNoWait() {
        let settings = RetrySettings(maximum: 2)
        #expect(wait(settings, lost(), tries: 2) != nil)
        #expect(wait(settings, lost(), tries: 3) == nil)
    }

    @Test func onlyTheNamedStatusesAreTriedAgain() throws {
        for status in [429, 500, 502, 503, 504] {
            #expect(wait(RetrySettings(), .answered(try response(status))) != nil)
        }
        for status in [200, 301, 400, 401, 404, 408, 501, 505] {
            #expect(wait(RetrySettings(), .answered(try response(status))) == nil)
        }
    }

    @Test(arguments: [
        (MTLSError.Code.connectFailed, MTLSError.Phase.connect, MTLSError.Fault.network),
        (.resolveFailed, .resolve, .network), (.timeoutConnect, .connect, .network),
        (.connectionLost, .handshake, .network), (.connectionLost, .response, .network),
        (.responseEmpty, .response, .peer), (.timeoutResponseHead, .response, .peer),
        (.connectFailed, .proxy, .network),
    ])
    func whatMayPassIsTriedAgain(_ code: MTLSError.Code, _ phase: MTLSError.Phase, _ fault: MTLSError.Fault) {
        #expect(wait(RetrySettings(), .failed(error(code, phase, fault))) != nil)
    }

    @Test(arguments: [
        (MTLSError.Code.pinIncorrect, MTLSError.Phase.sign, MTLSError.Fault.token),
        (.issuerUnknown, .verify, .peer), (.clientCertificateRejected, .response, .peer),
        (.clientCertificateRejected, .handshake, .peer), (.clientCertificateRequired, .handshake, .caller),
        (.handshakeFailed, .handshake, .peer), (.timeoutHandshake, .handshake, .peer),
        (.timeoutSignature, .sign, .token), (.identityFileUnreadable, .identity, .caller),
        (.requestInvalid, .prepare, .caller), (.cancelled, .request, .caller), (.timeoutRequest, .request, .caller),
        (.connectFailed, .connect, .caller), (.connectionInsecure, .connect, .caller),
        (.clientClosed, .prepare, .caller),
        (.queueFull, .wait, .caller), (.timeoutWait, .wait, .caller), (.responseMalformed, .response, .peer),
        (.requestBodyFailed, .request, .caller), (.proxyAuthenticationRequired, .proxy, .caller),
        (.redirectLimit, .response, .peer),
    ])
    func whatWouldFailAgainIsNot(_ code: MTLSError.Code, _ phase: MTLSError.Phase, _ fault: MTLSError.Fault) {
        #expect(wait(RetrySettings(), .failed(error(code, phase, fault))) == nil)
    }

    @Test func whatMayBeAVerdictOnOurCertificateIsNotTriedAgain() {
        let error = MTLSError(
            .responseEmpty, phase: .response, fault: .peer, "", underlying: PossibleRejection(underlying: nil))
        #expect(wait(RetrySettings(), .failed(error)) == nil)
    }

    // MARK: Retry-After

    @Test(arguments: [
        ("2", Duration.seconds(2)), (" 60 ", .seconds(60)), ("0", .milliseconds(500)), ("soon", .milliseconds(500)),
        ("Sun, 06 Nov 1994 08:49:47 GMT", .seconds(10)), ("Sunday, 06-Nov-94 08:49:47 GMT", .seconds(10)),
        ("Sun Nov  6 08:49:47 1994", .seconds(10)), ("Sun, 06 Nov 1994 08:00:00 GMT", .milliseconds(500)),
    ])
    func theServersWaitCountsWhenItIsLonger(_ text: String, _ expected: Duration) throws {
        #expect(wait(RetrySettings(), .answered(try response(503, ("Retry-After", text)))) == expected)
    }

    @Test(arguments: ["61", "99999999999999999999", "Sun, 06 Nov 1994 09:49:37 GMT"])
    func whoWantsMoreTimeThanAllowedIsNotAskedAgain(_ text: String) throws {
        #expect(wait(RetrySettings(), .answered(try response(503, ("Retry-After", text)))) == nil)
    }

    // MARK: Time

    @Test func noTryBeginsLaterThanAllowed() {
        var settings = RetrySettings()
        settings.maximumTime = .seconds(10)
        #expect(wait(settings, lost(), elapsed: .seconds(9)) != nil)
        #expect(wait(settings, lost(), elapsed: .seconds(10)) == nil)
    }

    @Test func whatWouldOutlastTheRequestsTimeIsNotWaitedFor() {
        #expect(wait(RetrySettings(), lost(), remaining: .seconds(1)) != nil)
        #expect(wait(RetrySettings(), lost(), remaining: .milliseconds(500)) == nil)
        #expect(wait(RetrySettings(), lost(), remaining: .seconds(-1)) == nil)
    }

    @Test func onlyIdempotentMethodsAreRepeatedUnlessSaidOtherwise() {
        #expect(BackoffPolicy(RetrySettings()).mayRepeat(.put))
        #expect(!BackoffPolicy(RetrySettings()).mayRepeat(.post))
        #expect(!BackoffPolicy(RetrySettings(maximum: 0)).mayRepeat(.get))
        var settings = RetrySettings()
        settings.methods.insert(.post)
        #expect(BackoffPolicy(settings).mayRepeat(.post))
    }
}

struct HTTPDateTests {
    @Test(arguments: [
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Tue, 29 Feb 2000 12:00:00 GMT", 951_825_600),
        ("Wed, 31 Dec 2099 23:59:59 GMT", 4_102_444_799), ("Monday, 01-Mar-21 00:00:00 GMT", 1_614_556_800),
        ("Friday, 31-Dec-99 00:00:00 GMT", 946_598_400),
    ])
    func datesAreSecondsSince1970(_ text: String, _ seconds: Int64) {
        #expect(HTTPDate.seconds(text, now: 1_700_000_000) == seconds)
    }

    @Test(arguments: [
        "", "Thu", "Thu, 01 Foo 1970 00:00:00 GMT", "Thu, 32 Jan 1970 00:00:00 GMT", "Thu, 01 Jan 1970 24:00:00 GMT",
        "Thu, 01 Jan 1970 00:00 GMT", "Thu, 01 Jan 1970 00:00:00 CET", "Thu, 01 Jan 970 00:00:00 GMT",
        "Thu, 01 Jan 99999999999999999999 00:00:00 GMT", "01 01 01 01 01 GMT", "Thu, 01 Jan 1970 ::: GMT",
    ])
    func whatIsNoDateIsRefused(_ text: String) {
        #expect(HTTPDate.seconds(text, now: 1_700_000_000) == nil)
    }
}

struct DecompressionLimitsTests {
    @Test func aBodyMayGrowByItsRatioBeyondTheFirstMebibytes() throws {
        var limits = DecompressionLimits(DecompressionSettings())
        limits.receive(1)
        try limits.produce(10 << 20)
        #expect(code { try limits.produce(1) } == .responseTooLarge)
        limits.receive(1 << 20)
        try limits.produce(1)
    }

    @Test func theSizeIsALimitOfItsOwn() throws {
        var limits = DecompressionLimits(DecompressionSettings(maximumSize: 100))
        limits.receive(100)
        try limits.produce(100)
        #expect(code { try limits.produce(1) } == .responseTooLarge)
    }

    @Test func namesOfCodingsAreListedInOrder() throws {
        let fields = try fields([("Content-Encoding", "GZIP, identity"), ("Content-Encoding", " br")])
        #expect(fields.contentCodings == ["gzip", "br"])
    }
}

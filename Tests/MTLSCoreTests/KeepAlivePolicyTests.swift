import HTTPTypes
import Testing

@testable import MTLSCore

@Suite struct KeepAlivePolicyTests {
    private func verdict(
        _ pairs: (String, String)..., method: HTTPRequest.Method = .get, status: Int = 200,
        version: HTTP1Version = .http11, request: [(String, String)] = [], isComplete: Bool = true,
        isKeyInToken: Bool = false, idleTimeout: Duration? = nil
    ) throws -> KeepAlivePolicy.Verdict {
        let request = HTTPRequest(
            method: method, scheme: nil, authority: "a.example:443", path: "/", headerFields: try fields(request))
        let response = HTTPResponse(status: .init(code: status), headerFields: try fields(pairs))
        return KeepAlivePolicy.verdict(
            try FieldRules.head(of: request, at: try testOrigin(), body: .empty, asTunnel: true),
            ReadHead(response, version: version, framing: .empty), isComplete: isComplete,
            idleTimeout: KeepAlivePolicy.idleTimeout(idleTimeout, isKeyInToken: isKeyInToken))
    }

    @Test(arguments: [false, true])
    func whatTheUserWantsCountsInPlaceOfTheDefaultAndNotOfTheHint(_ isKeyInToken: Bool) throws {
        let wanted = Duration.seconds(90)
        #expect(try verdict(isKeyInToken: isKeyInToken, idleTimeout: wanted) == .keep(idleTimeout: wanted))
        #expect(try verdict(("Keep-Alive", "timeout=10"), idleTimeout: wanted) == .keep(idleTimeout: .seconds(8)))
        #expect(try verdict(isKeyInToken: isKeyInToken, idleTimeout: .zero) == .close(.timeoutTooShort))
    }

    @Test func withoutAHintAConnectionIdlesFourSeconds() throws {
        #expect(try verdict() == .keep(idleTimeout: .seconds(4)))
    }

    @Test func aConnectionThatCostATokensSignatureIdlesAMinute() throws {
        #expect(try verdict(isKeyInToken: true) == .keep(idleTimeout: .seconds(60)))
    }

    @Test(arguments: [
        ("timeout=5", 3), ("timeout=120", 118), ("TIMEOUT=30", 28), ("timeout = 30", 28), ("timeout=\"30\"", 28),
        ("timeout=30, max=100", 28), ("max=100, timeout=30", 28), ("max=2,timeout=3", 1), ("foo, timeout=10, bar=1", 8),
        ("timeout=602", 600), ("timeout=603", 600), ("timeout=99999999999999999999999", 600), ("timeout=007", 5),
    ])
    func theServersHintCountsLessTwoSeconds(_ hint: String, _ seconds: Int) throws {
        #expect(try verdict(("Keep-Alive", hint)) == .keep(idleTimeout: .seconds(seconds)))
        #expect(try verdict(("keep-alive", hint), isKeyInToken: true) == .keep(idleTimeout: .seconds(seconds)))
    }

    @Test(arguments: ["", "timeout", "timeout=", "timeout=x", "timeout=-5", "timeout=1.5", "timeout=+9", "max=5", "=5"])
    func aHintThatIsNoneIsPassedOver(_ hint: String) throws {
        #expect(try verdict(("Keep-Alive", hint)) == .keep(idleTimeout: .seconds(4)))
    }

    @Test(arguments: ["timeout=0", "timeout=1", "timeout=2", "timeout=2, max=100"])
    func tooShortATimeoutCloses(_ hint: String) throws {
        #expect(try verdict(("Keep-Alive", hint)) == .close(.timeoutTooShort))
    }

    @Test(arguments: ["timeout=5, max=1", "max=1", "max=0, timeout=100"])
    func theLastUseCloses(_ hint: String) throws {
        #expect(try verdict(("Keep-Alive", hint)) == .close(.lastUse))
    }

    @Test func hintsOfSeveralFieldsCount() throws {
        #expect(try verdict(("Keep-Alive", "max=9"), ("Keep-Alive", "timeout=9")) == .keep(idleTimeout: .seconds(7)))
    }

    @Test(arguments: ["close", "Close", "CLOSE", "foo, close", "keep-alive, close", "close ,foo"])
    func theServersCloseCloses(_ value: String) throws {
        #expect(try verdict(("Connection", value)) == .close(.requestedByServer))
    }

    @Test func aCloseInASecondFieldCloses() throws {
        #expect(try verdict(("Connection", "foo"), ("Connection", "close")) == .close(.requestedByServer))
    }

    @Test(arguments: ["closed", "x-close", "foo"])
    func whatOnlyLooksLikeCloseDoesNot(_ value: String) throws {
        #expect(try verdict(("Connection", value)) == .keep(idleTimeout: .seconds(4)))
    }

    @Test func theClientsCloseCloses() throws {
        #expect(try verdict(request: [("Connection", "close")]) == .close(.requestedByClient))
    }

    @Test func oldHTTPClosesUnlessTheServerSaysOtherwise() throws {
        #expect(try verdict(version: .http10) == .close(.oldVersion))
        #expect(try verdict(("Connection", "Keep-Alive"), version: .http10) == .keep(idleTimeout: .seconds(4)))
        #expect(
            try verdict(("Connection", "keep-alive, close"), version: .http10) == .close(.requestedByServer))
    }

    @Test func anExchangeThatIsNotWholeCloses() throws {
        #expect(try verdict(("Keep-Alive", "timeout=100"), isComplete: false) == .close(.exchangeIncomplete))
    }

    @Test func aConnectionHandedOverIsNotParked() throws {
        #expect(try verdict(status: 101) == .close(.handedOver))
        #expect(try verdict(method: .connect, status: 200) == .close(.handedOver))
        #expect(try verdict(method: .connect, status: 407) == .keep(idleTimeout: .seconds(4)))
    }
}

import Testing

@testable import MTLSCore

@Suite struct ConnectNegotiationTests {
    private static let ends = TunnelEnds(proxy: "http://proxy:3128", target: Endpoint("api.example", 443))

    private enum Outcome: Equatable {
        case open(String)
        case failed(MTLSError.Code, String)
        case listening
    }

    /// What comes of these pieces, and then of the end, if it is said.
    private func outcome(_ pieces: [[UInt8]], ends: Bool = true, credentials: Bool = false) -> Outcome {
        var machine = ConnectNegotiation(Self.ends, sendsCredentials: credentials)
        #expect(machine.start() == .sayCredentials)
        var rest: [UInt8]?
        do {
            for piece in pieces {
                if rest != nil {
                    rest? += piece
                } else if case .open(let bytes) = try machine.received(piece) {
                    rest = bytes
                }
            }
        } catch {
            return .failed(error.code, error.message)
        }
        if let rest { return .open(String(decoding: rest, as: UTF8.self)) }
        guard ends else { return .listening }
        let error = machine.ended(after: nil)
        return .failed(error.code, error.message)
    }

    private func outcome(_ text: String, ends: Bool = true, credentials: Bool = false) -> Outcome {
        outcome([Array(text.utf8)], ends: ends, credentials: credentials)
    }

    static let responses = [
        "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.0 200\r\n\r\nhello", "HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n",
        "HTTP/1.1 204 No\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\n\r\n\r\n",
        "HTTP/1.1 200 OK\n\nlenient", "\r\nHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 407 Auth\r\nProxy-Authenticate: Basic realm=\"r\"\r\nContent-Length: 3\r\n\r\nno!",
        "HTTP/1.1 403 No\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nforbidden",
        "HTTP/1.1 503 Busy\r\n\r\nuntil the end",
        "HTTP/1.1 302 Found\r\nLocation: http://x/\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 101 Switching\r\n\r\n", "HTTP/2 200\r\n\r\n", "SSH-2.0-OpenSSH\r\n",
        "HTTP/1.1 200 OK\r\n folded\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 200 O\u{0}K\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
    ]

    @Test(arguments: responses)
    func aResponseMeansTheSameWhereverItIsCut(_ text: String) {
        let bytes = Array(text.utf8)
        // Garbage is quoted as far as it has come.
        let kind = { (outcome: Outcome) in
            if case .failed(.proxyMalformed, _) = outcome { Outcome.failed(.proxyMalformed, "") } else { outcome }
        }
        let whole = kind(outcome([bytes]))
        for cut in bytes.indices {
            #expect(kind(outcome([Array(bytes[..<cut]), Array(bytes[cut...])])) == whole, "cut at \(cut)")
        }
        #expect(kind(outcome(bytes.map { [$0] })) == whole)
    }

    @Test(arguments: responses)
    func aResponseThatEndsTooEarlyIsNoTunnel(_ text: String) {
        let bytes = Array(text.utf8)
        guard case .open(let rest) = outcome([bytes]) else { return }
        for count in 0..<(bytes.count - rest.utf8.count) {
            guard case .failed(.proxyMalformed, _) = outcome([Array(bytes[..<count])]) else {
                Issue.record("\(count) bytes made a tunnel")
                continue
            }
        }
    }

    @Test(arguments: [(0, ""), (1, "hello"), (2, ""), (3, "hello"), (4, "\r\n\r\n"), (5, "lenient"), (6, "")])
    func allBehindTheHeadOfASuccessBelongsToTheTunnel(index: Int, rest: String) {
        #expect(outcome(Self.responses[index]) == .open(rest))
    }

    @Test(arguments: 11..<responses.count)
    func whatIsNoResponseIsRefused(index: Int) {
        guard case .failed(.proxyMalformed, let message) = outcome(Self.responses[index]) else {
            Issue.record("\(outcome(Self.responses[index]))")
            return
        }
        #expect(message.contains("http://proxy:3128"))
    }

    @Test func garbageIsNotWaitedFor() {
        #expect(outcome("SSH", ends: false) != .listening)
        #expect(
            outcome([[0x15, 3, 3, 0, 2, 2, 70]], ends: false)
                == .failed(
                    .proxyMalformed, "the proxy http://proxy:3128 answered in TLS: its URL is to begin with https"))
        #expect(
            outcome([[5, 0xFF]], ends: false)
                == .failed(
                    .proxyMalformed,
                    "the proxy http://proxy:3128 answered as a SOCKS proxy does: its URL is to begin with socks5"))
    }

    @Test func aDemandForCredentialsIsToldWithItsRealm() {
        #expect(
            outcome(Self.responses[7])
                == .failed(
                    .proxyAuthenticationRequired, "the proxy http://proxy:3128 demands credentials (Basic realm=\"r\")")
        )
        #expect(
            outcome(Self.responses[7], credentials: true)
                == .failed(
                    .proxyAuthenticationRequired,
                    "the proxy http://proxy:3128 refused the credentials (Basic realm=\"r\")"))
    }

    @Test func aRefusalIsToldWithItsText() {
        #expect(
            outcome(Self.responses[8])
                == .failed(
                    .proxyRefused,
                    "the proxy http://proxy:3128 refused a tunnel to api.example:443: 403 No; it says: forbidden"))
        #expect(
            outcome(Self.responses[9])
                == .failed(
                    .proxyRefused,
                    "the proxy http://proxy:3128 refused a tunnel to api.example:443: 503 Busy; it says: until the end")
        )
    }

    @Test func ofAPageTheTitleIsTold() {
        let page = "<html><TITLE>ERROR:\n  no</Title><style>x</style></html>"
        let text = "HTTP/1.1 403 No\r\nContent-Type: text/HTML\r\nContent-Length: \(page.utf8.count)\r\n\r\n\(page)"
        guard case .failed(.proxyRefused, let message) = outcome(text, ends: false) else { return #expect(Bool(false)) }
        #expect(message.hasSuffix("403 No; it says: ERROR: no"))
    }

    @Test func aRefusalsBodyIsAwaitedAndNoLongerThanNeedBe() {
        let head = "HTTP/1.1 403 No\r\nContent-Length: 100000\r\n\r\n"
        #expect(outcome(head, ends: false) == .listening)
        let outcome = outcome(head + String(repeating: "x", count: 4096), ends: false)
        guard case .failed(.proxyRefused, let message) = outcome else { return #expect(Bool(false)) }
        #expect(message.count < 400)
    }

    @Test func controlCharactersOfAProxyAreEscaped() {
        guard case .failed(_, let message) = outcome("HTTP/1.1 403 No\r\n\r\n\u{1b}[2J") else {
            return #expect(Bool(false))
        }
        #expect(message.contains("\\u{1b}[2J"))
    }

    @Test func aHeadWithoutEndIsRefused() {
        let field = "A: " + String(repeating: "b", count: 1000) + "\r\n"
        let endless = "HTTP/1.1 200 OK\r\n" + String(repeating: field, count: 20)
        guard case .failed(.proxyMalformed, let message) = outcome(endless, ends: false) else {
            return #expect(Bool(false))
        }
        #expect(message.contains("16384 bytes"))
        #expect(outcome("HTTP/1.1 200 " + String(repeating: "x", count: 17000), ends: false) != .listening)
        let interim = String(repeating: "HTTP/1.1 100 Continue\r\n\r\n", count: 1000)
        #expect(outcome(interim, ends: false) != .listening)
    }

    @Test func theTimeLimitIsNamed() {
        var machine = ConnectNegotiation(Self.ends, sendsCredentials: false)
        let error = machine.ended(after: .seconds(10))
        #expect(error.code == .timeoutConnect && error.phase == .proxy)
        #expect(error.message == "the proxy http://proxy:3128 made no tunnel to api.example:443 within 10 s")
    }
}

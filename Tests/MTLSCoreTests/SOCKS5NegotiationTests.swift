import Testing

@testable import MTLSCore

@Suite struct SOCKS5NegotiationTests {
    private static let ends = TunnelEnds(proxy: "socks5://proxy:1080", target: Endpoint("api.example", 8443))
    private static let name: [UInt8] = [5, 1, 0, 3, 11] + Array("api.example".utf8) + [0x20, 0xFB]
    private static let opened: [UInt8] = [5, 0, 0, 1, 127, 0, 0, 1, 0, 80]

    private func machine(
        _ target: SOCKS5Negotiation.Target = .name("api.example"), credentials: Bool = false
    ) throws -> SOCKS5Negotiation {
        try SOCKS5Negotiation(Self.ends, target: target, hasCredentials: credentials)
    }

    /// All that is said to a proxy that answers so, each answer in pieces of `size`; then the step that ended it.
    private func conversation(
        _ answers: [[UInt8]], credentials: Bool = false, target: SOCKS5Negotiation.Target = .name("api.example"),
        pieces size: Int
    ) throws -> [TunnelStep] {
        var machine = try machine(target, credentials: credentials)
        var steps = [machine.start()]
        for answer in answers {
            for start in stride(from: 0, to: answer.count, by: size) {
                let step = try machine.received(Array(answer[start..<min(start + size, answer.count)]))
                if step != .listen { steps.append(step) }
            }
        }
        return steps
    }

    @Test(arguments: [1, 2, 3, 100])
    func aNameIsAskedFor(pieces: Int) throws {
        let steps = try conversation([[5, 0], Self.opened], pieces: pieces)
        #expect(steps == [.say([5, 1, 0]), .say(Self.name), .open(rest: [])])
    }

    @Test(arguments: [1, 2, 3, 100])
    func credentialsAreGivenWhereTheProxyWantsThem(pieces: Int) throws {
        let steps = try conversation([[5, 2], [1, 0], Self.opened], credentials: true, pieces: pieces)
        #expect(steps == [.say([5, 2, 0, 2]), .sayCredentials, .say(Self.name), .open(rest: [])])
    }

    @Test func credentialsAreNotGivenWhereTheProxyDoesNotWantThem() throws {
        let steps = try conversation([[5, 0], Self.opened], credentials: true, pieces: 1)
        #expect(steps == [.say([5, 2, 0, 2]), .say(Self.name), .open(rest: [])])
    }

    @Test func addressesOfBothFamiliesAreAskedFor() throws {
        let v4 = try #require(IPAddress("10.1.2.3"))
        let v6 = try #require(IPAddress("fd00::1"))
        #expect(
            try conversation([[5, 0]], target: .address(v4), pieces: 1).last
                == .say([5, 1, 0, 1, 10, 1, 2, 3, 0x20, 0xFB]))
        #expect(
            try conversation([[5, 0]], target: .address(v6), pieces: 1).last
                == .say([5, 1, 0, 4] + v6.bytes + [0x20, 0xFB]))
    }

    static let replies: [[UInt8]] = [
        [5, 0, 0, 1, 1, 2, 3, 4, 0, 1], [5, 0, 0, 3, 4, 1, 2, 3, 4, 0, 1], [5, 0, 0, 3, 0, 0, 1],
        [5, 0, 0, 4] + Array(repeating: 7, count: 16) + [0, 1], [5, 0, 9, 1, 1, 2, 3, 4, 0, 1],
    ]

    @Test(arguments: replies)
    func whatFollowsTheReplyBelongsToTheTunnelWhereverItIsCut(reply: [UInt8]) throws {
        let all = reply + Array("SSH-2.0".utf8)
        for cut in 1..<all.count {
            var machine = try machine()
            _ = machine.start()
            _ = try machine.received([5, 0])
            let first = try machine.received(Array(all[..<cut]))
            let step = try first == .listen ? machine.received(Array(all[cut...])) : first
            guard case .open(let rest) = step else { return #expect(Bool(false), "cut at \(cut)") }
            #expect(rest == Array(all[reply.count..<max(reply.count, first == .listen ? all.count : cut)]))
        }
    }

    @Test(arguments: replies)
    func aReplyThatEndsTooEarlyIsNoTunnel(reply: [UInt8]) throws {
        for count in 0..<reply.count {
            var machine = try machine()
            _ = machine.start()
            _ = try machine.received([5, 0])
            #expect(try machine.received(Array(reply[..<count])) == .listen)
            #expect(machine.ended(after: nil).code == .proxyMalformed)
        }
    }

    @Test(
        arguments: [
            (1, "general failure of the proxy"), (2, "its rules do not allow the connection"),
            (3, "the network is unreachable"), (4, "the host is unreachable, or its name is unknown"),
            (5, "the connection was refused"), (6, "the time to live expired"),
            (7, "it does not support the command CONNECT"), (8, "it does not support addresses of this type"),
            (9, "it gave the unknown reason 9"), (255, "it gave the unknown reason 255"),
        ] as [(UInt8, String)])
    func eachReplyThatSaysNoHasATextOfItsOwn(reply: UInt8, text: String) throws {
        // Two bytes suffice: some proxies say no more.
        let error = #expect(throws: MTLSError.self) { try conversation([[5, 0], [5, reply]], pieces: 1) }
        #expect(error?.message == "the proxy socks5://proxy:1080 made no tunnel to api.example:8443: \(text)")
        #expect(error?.code == .proxyRefused && error?.phase == .proxy)
        #expect(error?.underlying as? SOCKS5Failure == SOCKS5Failure(reply: reply))
    }

    @Test(
        arguments: [
            ([[4, 0]], "SOCKS4"), ([[0, 90]], "SOCKS4"), ([Array("HTTP/1.1 400 Bad".utf8)], "HTTP"),
            ([[0x15, 3, 3]], "TLS"),
            ([[9, 9]], "version 9"), ([[5, 1]], "method 1"), ([[5, 2]], "method 2"), ([[5, 0, 5]], "out of turn"),
            ([[5, 0], [5, 0, 0, 2, 1]], "type 2"), ([[5, 0], [4, 0]], "SOCKS4"),
        ] as [([[UInt8]], String)])
    func anOddAnswerIsRefused(answers: [[UInt8]], text: String) {
        let error = #expect(throws: MTLSError.self) { try conversation(answers, pieces: 100) }
        #expect(error?.code == .proxyMalformed)
        #expect(error?.message.contains(text) == true, "\(error?.message ?? "")")
    }

    @Test(
        arguments: [
            ([[5, 0xFF]], false, "demands credentials"), ([[5, 0xFF]], true, "accepts neither"),
            ([[5, 2], [1, 1]], true, "refused the credentials"),
        ] as [([[UInt8]], Bool, String)])
    func aDemandForOtherCredentialsIsAnErrorOfItsOwn(answers: [[UInt8]], given: Bool, text: String) {
        let error = #expect(throws: MTLSError.self) { try conversation(answers, credentials: given, pieces: 1) }
        #expect(error?.code == .proxyAuthenticationRequired)
        #expect(error?.message.contains(text) == true)
    }

    @Test func aNameThatIsTooLongIsRefused() {
        #expect(throws: MTLSError.self) { try machine(.name(String(repeating: "a", count: 256))) }
        #expect(throws: MTLSError.self) { try machine(.name("")) }
    }
}

import HTTPTypes
import MTLSCore
import Testing

/// What came out of one or more responses.
private struct Outcome: Equatable, CustomStringConvertible {
    var heads: [String] = []
    var body: [UInt8] = []
    var trailers: [String] = []
    var isWhole = false
    var leftover = 0
    var error: String?

    var description: String {
        "\(heads) \(body.count) bytes, trailers \(trailers), whole \(isWhole), leftover \(leftover), error \(error ?? "none")"
    }
}

/// Feeds `bytes` in the pieces given, as a connection would.
private func parse(
    _ pieces: [ArraySlice<UInt8>], method: HTTPRequest.Method = .get, limits: ResponseParser.Limits = .init(),
    heads: RecentHeads = RecentHeads()
) -> Outcome {
    var parser = ResponseParser(limits: limits, heads: heads)
    parser.begin(method)
    var outcome = Outcome()
    var pending: [UInt8] = []
    do throws(MTLSError) {
        for piece in pieces {
            pending += piece
            try advance(&parser, &pending, &outcome)
        }
    } catch {
        outcome.error = error.code.rawValue
    }
    outcome.leftover = outcome.error == nil ? pending.count : 0
    return outcome
}

private func advance(_ parser: inout ResponseParser, _ pending: inout [UInt8], _ outcome: inout Outcome)
    throws(MTLSError)
{
    while parser.isInMessage {
        let result = pending.withUnsafeBytes { bytes in
            Result { () throws(MTLSError) in try parser.next(bytes) }
        }
        let step = try result.get()
        pending.removeFirst(step.consumed)
        switch step.event {
        case .needsMore: return
        case .head(let head):
            let fields = head.response.headerFields.map { "\($0.name.rawName)=\($0.value)" }.joined(separator: "|")
            outcome.heads.append(
                "\(head.version) \(head.code) \(head.response.status.reasonPhrase) [\(fields)] \(head.framing)")
        case .body(let count):
            outcome.body += pending.prefix(count)
            pending.removeFirst(count)
        case .end(let trailers):
            outcome.trailers = trailers.map { "\($0.name.rawName)=\($0.value)" }
            outcome.isWhole = true
        }
    }
}

private func parse(_ text: String, method: HTTPRequest.Method = .get, limits: ResponseParser.Limits = .init())
    -> Outcome
{
    parse([Array(text.utf8)[...]], method: method, limits: limits)
}

@Suite struct ResponseParserTests {
    @Test func whatAnotherConnectionHasReadBeforeIsReadAsIfNobodyHad() {
        let length = Array("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nA: 1\r\n\r\nab".utf8)
        let other = Array("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nA: 2\r\n\r\ncd".utf8)
        let heads = RecentHeads()
        for (bytes, method) in [
            (length, HTTPRequest.Method.get), (length, .get), (length, .head), (length, .get), (other, .get),
            (length, .get),
        ] {
            #expect(parse([bytes[...]], method: method, heads: heads) == parse([bytes[...]], method: method))
            let pieces = bytes.indices.map { bytes[$0...$0] }
            #expect(parse(pieces, method: method, heads: heads) == parse(pieces, method: method))
        }
    }

    @Test(arguments: [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello"),
        ("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", ""),
        ("HTTP/1.1 200 \r\ncontent-length:3\r\n\r\nabc", "abc"),
        ("HTTP/1.1 200 Fine indeed\r\nX-A: \t spaced out \t\r\nContent-Length: 3, 3\r\n\r\nabc", "abc"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "hello"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\nA;x=y\r\n0123456789\r\n000\r\n\r\n", "0123456789"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1 ; q=\"a;b\"\r\na\r\n2\r\nbc\r\n0\r\nX-T: v\r\n\r\n",
            "abc"
        ),
        ("HTTP/1.1 204 No Content\r\n\r\n", ""),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", ""),
        ("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", "x"),
        ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok"),
    ])
    func aResponseIsReadWholeHoweverItIsCut(_ text: String, _ body: String) {
        let bytes = Array(text.utf8)
        let whole = parse([bytes[...]])
        #expect(whole.isWhole && whole.error == nil && whole.leftover == 0)
        #expect(String(decoding: whole.body, as: UTF8.self) == body)
        #expect(parse(bytes.indices.map { bytes[$0...$0] }) == whole)
        for cut in bytes.indices {
            #expect(parse([bytes[..<cut], bytes[cut...]]) == whole)
            let part = parse([bytes[..<cut]])
            #expect(part.error == nil && !part.isWhole)
        }
    }

    @Test func aBodyWithoutFramingEndsWithTheConnection() {
        let outcome = parse("HTTP/1.1 200 OK\r\n\r\nas much as there is")
        #expect(outcome.body.count == 19 && !outcome.isWhole && outcome.error == nil)
    }

    @Test func theAnswerToHEADHasNoBody() {
        let outcome = parse("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", method: .head)
        #expect(outcome.isWhole && outcome.body.isEmpty)
    }

    @Test func bytesBehindAResponseAreLeft() {
        #expect(parse("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP").leftover == 4)
        #expect(parse("HTTP/1.1 101 Switching Protocols\r\n\r\nother words").leftover == 11)
        #expect(parse("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n\r\n").leftover == 2)
    }

    @Test func trailersThatFrameOrRouteAreDropped() {
        let outcome = parse(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 7\r\nX-Sum: 1\r\nSet-Cookie: a\r\n\r\n"
        )
        #expect(outcome.trailers == ["X-Sum=1"])
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\n",
        "\r\nHTTP/1.1 200 OK\r\n\r\n",
        " HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\u{0}c\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\u{7F}\r\n\r\n",
        "HTTP/1.1 200 O\u{1}K\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
        "HTTP/1.1 200 OK\r\n folded: at once\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n\tfolded: too\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA(: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\u{E4}: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0x1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: \u{B}chunked\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.2 200 OK\r\n\r\n", "HTTP/2 200 OK\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n", "http/1.1 200 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n", "HTTP/1.1\t200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1\r\n\r\n", "HTTP/1.1 200OK\r\n\r\n",
        "ICY 200 OK\r\n\r\n", "<html>", "SSH-2.0-OpenSSH", "\u{16}\u{3}\u{3}",
    ])
    func anAmbiguousHeadIsRefused(_ text: String) {
        #expect(parse(text).error == "response.malformed")
        let bytes = Array(text.utf8)
        #expect(parse(bytes.indices.map { bytes[$0...$0] }).error == "response.malformed")
    }

    @Test(arguments: [
        "", "g", "-1", "+1", "0x1", " 1", "1 ", "1\t", "1 x", "1,", "1\u{0}", "1;a\u{1}", "1\r", "1;a\rb", "5\n",
        "fffffffffffffffff", "80000000000000000", "00000000000000001", "FFFFFFFFFFFFFFFF",
    ])
    func anAmbiguousChunkIsRefused(_ line: String) {
        let text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + line + "\r\nx\r\n0\r\n\r\n"
        #expect(parse(text).error == "response.malformed")
    }

    @Test(arguments: [
        "2\r\nx\r\n0\r\n\r\n", "1\r\nxy\r\n0\r\n\r\n", "1\r\nx\n0\r\n\r\n", "1\r\nx0\r\n\r\n", "0\r\nX\r\n\r\n",
    ])
    func aChunkThatDoesNotEndWhereItsSizeSaysIsRefused(_ body: String) {
        let outcome = parse("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
        #expect(outcome.error == "response.malformed" && !outcome.isWhole)
    }

    @Test func whatIsTooLargeIsRefusedBeforeItIsWhole() {
        let flood = String(repeating: "a", count: 17 << 10)
        #expect(parse("HTTP/1.1 200 OK\r\nX: " + flood).error == "response.headTooLarge")
        #expect(parse("HTTP/1.1 200 " + flood).error == "response.headTooLarge")
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        #expect(parse(chunked + "1;" + flood).error == "response.malformed")
        #expect(parse(chunked + "0\r\nX: " + flood).error == "response.headTooLarge")
        let extensions = String(repeating: "1;" + String(repeating: "e", count: 1000) + "\r\nx\r\n", count: 20)
        #expect(parse(chunked + extensions).error == "response.malformed")
        let fields = String(repeating: "A: b\r\n", count: 300)
        #expect(parse("HTTP/1.1 200 OK\r\n" + fields + "\r\n").error == "response.malformed")
    }

    @Test func mutatedResponsesNeverTrapAndCutsNeverChangeThem() {
        var random = SeededGenerator(state: 7)
        let seeds = [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: x\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX-T: 1\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 404 Not Found\r\nConnection: close\r\n\r\ngone",
        ].map { Array($0.utf8) }
        let interesting: [UInt8] = [0, 9, 10, 13, 32, 48, 58, 59, 97, 127, 128, 255]
        for round in 0..<6000 {
            var bytes = seeds[round % seeds.count]
            for _ in 0...(random.next() % 3) {
                let place = Int(random.next() % UInt64(bytes.count))
                switch random.next() % 3 {
                case 0: bytes[place] = interesting[Int(random.next() % UInt64(interesting.count))]
                case 1: bytes.insert(interesting[Int(random.next() % UInt64(interesting.count))], at: place)
                default: bytes.remove(at: place)
                }
            }
            let whole = parse([bytes[...]])
            let cut = Int(random.next() % UInt64(bytes.count))
            let parts = parse([bytes[..<cut], bytes[cut...]])
            #expect(parts == whole, "\(String(decoding: bytes, as: UTF8.self).debugDescription) cut at \(cut)")
        }
    }
}

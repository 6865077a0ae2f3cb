import HTTPTypes
import Testing

@testable import MTLSCore

@Suite struct FieldRulesTests {
    private func head(
        _ method: HTTPRequest.Method = .get, _ path: String? = "/", _ pairs: [(String, String)] = [],
        body: RequestBodyLength = .empty
    ) throws -> RequestHead {
        let request = HTTPRequest(
            method: method, scheme: nil, authority: nil, path: path, headerFields: try fields(pairs))
        return try FieldRules.head(of: request, at: try testOrigin(), body: body)
    }

    private func lines(_ head: RequestHead) -> [String] { head.fields.map(\.description) }

    private func refusal(
        _ method: HTTPRequest.Method = .get, _ path: String? = "/", _ pairs: [(String, String)] = [],
        body: RequestBodyLength = .empty
    ) throws -> MTLSError {
        try thrownError { _ = try head(method, path, pairs, body: body) }
    }

    @Test func hostComesFirstAndTheUsersFieldsKeepTheirOrder() throws {
        let head = try head(.post, "/x", [("B", "1"), ("A", "2"), ("B", "3")], body: .known(3))
        #expect(lines(head) == ["Host: api.example", "B: 1", "A: 2", "B: 3", "Content-Length: 3"])
        #expect(head.target == "/x")
        #expect(!head.isChunked)
    }

    @Test func theHostNamesAPortThatIsNotTheDefault() throws {
        let request = HTTPRequest(method: .get, scheme: nil, authority: nil, path: nil)
        let head = try FieldRules.head(of: request, at: try Origin(host: "::1", port: 8443), body: .empty)
        #expect(lines(head) == ["Host: [::1]:8443"])
        #expect(head.target == "/")
    }

    @Test func theUsersHostIsSentFirst() throws {
        #expect(lines(try head(.get, "/", [("A", "1"), ("host", "other:1")])) == ["Host: other:1", "A: 1"])
    }

    @Test(arguments: ["a b", "a,b", "a/b", "user@a", "a\\b", "é"])
    func aHostThatIsNoneIsRefused(_ host: String) throws {
        #expect(try refusal(.get, "/", [("Host", host)]).code == .requestInvalid)
    }

    @Test func twoHostsAreRefused() throws {
        #expect(try refusal(.get, "/", [("Host", "a"), ("Host", "a")]).code == .requestInvalid)
    }

    @Test(
        arguments: [
            (.get, "/", [], .empty), (.get, "/a?b=c", [("A", "1"), ("Accept", "*/*")], .empty),
            (.post, "/", [("Content-Length", "12345678901"), ("Host", "other:1")], .known(12_345_678_901)),
            (.put, "/%C3%A9", [("Transfer-Encoding", "chunked"), ("X", "")], .unknown),
            (.options, "*", [("HOST", "a"), ("Connection", "close")], .empty),
        ] as [(HTTPRequest.Method, String, [(String, String)], RequestBodyLength)])
    func whatIsWrittenIsWhatTheFieldsSay(
        _ method: HTTPRequest.Method, _ path: String, _ pairs: [(String, String)], _ body: RequestBodyLength
    ) throws {
        let head = try head(method, path, pairs, body: body)
        let bytes = [UInt8](unsafeUninitializedCapacity: head.byteLimit) { target, count in
            count = head.write(to: UnsafeMutableRawBufferPointer(target))
        }
        let expected = (["\(method) \(path) HTTP/1.1"] + lines(head) + ["", ""]).joined(separator: "\r\n")
        #expect(String(decoding: bytes, as: UTF8.self) == expected)
    }

    @Test(arguments: [("close", true), ("upgrade, Close", true), ("keep-alive", false)])
    func aHeadKnowsWhetherItAsksToClose(_ value: String, _ asks: Bool) throws {
        #expect(try head(.get, "/", [("Connection", value)]).asksToClose == asks)
        #expect(try !head().asksToClose)
    }

    // MARK: Length

    @Test(arguments: [HTTPRequest.Method.post, .put, .patch])
    func methodsThatUsuallyHaveABodySayThatThereIsNone(_ method: HTTPRequest.Method) throws {
        #expect(lines(try head(method)).last == "Content-Length: 0")
    }

    @Test(arguments: [HTTPRequest.Method.get, .head, .delete, .options])
    func otherMethodsSayNothing(_ method: HTTPRequest.Method) throws {
        #expect(lines(try head(method)) == ["Host: api.example"])
    }

    @Test(arguments: [HTTPRequest.Method.get, .delete, .post])
    func anyMethodMayHaveABody(_ method: HTTPRequest.Method) throws {
        #expect(lines(try head(method, "/", body: .known(7))).last == "Content-Length: 7")
        #expect(lines(try head(method, "/", body: .known(0))).last == "Content-Length: 0")
    }

    @Test func aBodyOfUnknownLengthIsChunked() throws {
        let head = try head(.post, "/", body: .unknown)
        #expect(lines(head).last == "Transfer-Encoding: chunked")
        #expect(head.isChunked)
    }

    @Test func theUsersLengthMustBeTheBodys() throws {
        #expect(lines(try head(.post, "/", [("content-length", "3")], body: .known(3))).last == "Content-Length: 3")
        #expect(lines(try head(.get, "/", [("Content-Length", "0")])).last == "Content-Length: 0")
        for (length, body) in [("4", RequestBodyLength.known(3)), ("1", .empty), ("x", .known(3)), ("3", .unknown)] {
            #expect(try refusal(.post, "/", [("Content-Length", length)], body: body).code == .requestInvalid)
        }
    }

    @Test func twoLengthsAreRefused() throws {
        let error = try refusal(.post, "/", [("Content-Length", "3"), ("Content-Length", "3")], body: .known(3))
        #expect(error.code == .requestInvalid)
    }

    @Test func theUsersTransferEncodingMustFitTheBody() throws {
        let chunked = [("Transfer-Encoding", "chunked")]
        #expect(
            lines(try head(.post, "/", chunked, body: .unknown)) == ["Host: api.example", "Transfer-Encoding: chunked"])
        for body in [RequestBodyLength.empty, .known(3)] {
            #expect(try refusal(.post, "/", chunked, body: body).code == .requestInvalid)
        }
        #expect(
            try refusal(.post, "/", [("Transfer-Encoding", "gzip, chunked")], body: .unknown).code == .requestInvalid)
    }

    // MARK: What HTTPTypes lets through

    @Test(arguments: ["", "x", "http://h/", "*", "/a b", "/a\u{1}b", "/é", "/%", "/#f", "/a\\b"])
    func aPathThatCannotBeSentIsRefused(_ path: String) throws {
        let error = try refusal(.get, path)
        #expect(error.code == .urlInvalid || error.code == .requestInvalid)
        #expect(error.fault == .caller)
    }

    @Test func optionsMayAskForTheServerItself() throws {
        #expect(try head(.options, "*").target == "*")
    }

    @Test func moreFieldsThanAnyServerTakesAreRefused() throws {
        #expect(try head(.get, "/", Array(repeating: ("X", "1"), count: 1000)).fields.count == 1001)
        #expect(try refusal(.get, "/", Array(repeating: ("X", "1"), count: 1001)).code == .requestInvalid)
    }

    @Test func controlCharactersInALenientValueAreRefusedAndNotQuoted() throws {
        var request = HTTPRequest(method: .get, scheme: nil, authority: nil, path: "/")
        request.headerFields.append(
            HTTPField(name: .authorization, lenientValue: [UInt8(ascii: "k"), 0x01, UInt8(ascii: "y")]))
        let error = try thrownError { _ = try FieldRules.head(of: request, at: try testOrigin(), body: .empty) }
        #expect(error.code == .requestInvalid)
        #expect(error.message.contains("Authorization"))
        #expect(!error.message.contains("k\\u"))
    }

    @Test func lineBreaksInAValueNeverReachTheWire() throws {
        let value = try head(.get, "/", [("X", "a\r\nInjected: b\0")]).fields.last?.value
        #expect(value?.utf8.allSatisfy { $0 >= 0x20 } == true)
    }

    @Test func tabsAndUnicodeInAValueAreSent() throws {
        #expect(lines(try head(.get, "/", [("X", "a\té")])).last == "X: a\té")
    }

    @Test func aTraceHasNoBodyAndConnectIsNotARequest() throws {
        #expect(try refusal(.trace, "/", body: .known(1)).code == .requestInvalid)
        #expect(try refusal(.connect, "/").code == .requestInvalid)
    }
}

import HTTPTypes
import MTLSClient
import Testing

@testable import mtls

struct VerboseTests {
    private func lines(_ fields: HTTPFields) throws -> [String] {
        let request = HTTPRequest(method: .get, scheme: nil, authority: nil, path: "/x", headerFields: fields)
        return Verbose.lines(try FieldRules.head(of: request, at: try Origin(host: "a.example"), body: .empty))
    }

    @Test func theRequestIsShownAsItIsSent() throws {
        #expect(try lines([.accept: "*/*"]) == ["> GET /x HTTP/1.1", "> Host: a.example", "> Accept: */*", ">"])
    }

    @Test func credentialsAreNotShown() throws {
        let shown = try lines([.authorization: "Bearer hunter2", .cookie: "id=hunter2"]).joined()
        #expect(!shown.contains("hunter2") && shown.contains("Authorization: [redacted]"))
    }

    @Test func cookiesOfTheResponseAreNotShown() {
        let head = HTTPResponse(status: .ok, headerFields: [.setCookie: "id=hunter2"])
        #expect(
            Verbose.lines(head, version: "HTTP/1.1") == ["< HTTP/1.1 200 OK", "< Set-Cookie: [redacted]", "<"])
    }

    @Test func whatATerminalWouldObeyIsEscaped() {
        let head = HTTPResponse(status: .init(code: 200, reasonPhrase: "\u{1B}[2J"))
        #expect(Verbose.lines(head, version: "HTTP/1.1").first?.contains("\u{1B}") == false)
        #expect(Verbose.star("\u{1B}[2J") == "* \\u{1b}[2J")
    }

    @Test func datesAreInUTC() {
        #expect(Verbose.date(0) == "1970-01-01 00:00:00 UTC")
        #expect(Verbose.date(4_102_444_799) == "2099-12-31 23:59:59 UTC")
    }

    @Test func theHeadIsWrittenAsHTTPHasIt() {
        let head = HTTPResponse(status: .notFound, headerFields: [.contentType: "text/plain"])
        let bytes = ResponseHead.bytes(head, version: "HTTP/1.1")
        #expect(String(decoding: bytes, as: UTF8.self) == "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n\r\n")
    }
}

import HTTPTypes
import Testing

@testable import mtls

struct WriteOutTests {
    private var report: Report {
        var report = Report(url: "a/b", effectiveURL: "https://a/b", method: "GET")
        report.head = HTTPResponse(
            status: .ok, headerFields: [.contentType: "text/plain", .eTag: "\"x\""])
        report.version = "HTTP/1.1"
        report.connects = 1
        report.downloaded = 12
        report.total = .microseconds(1_020_304)
        return report
    }

    private func text(_ format: String, _ report: Report? = nil) -> String {
        WriteOut(format: format).rendered(report ?? self.report).pieces.map(\.text).joined()
    }

    @Test func variablesAreFilledIn() {
        #expect(text("%{http_code} %{num_connects} %{size_download} %{method}") == "200 1 12 GET")
        #expect(text("%{url} %{url_effective} %{scheme} %{http_version}") == "a/b https://a/b HTTPS 1.1")
        #expect(text("%{content_type}|%{errormsg}|%{exitcode}") == "text/plain||0")
    }

    @Test func timesHaveSixDigits() {
        #expect(text("%{time_total}") == "1.020304")
        #expect(text("%{time_connect}") == "0.000000")
    }

    @Test func withoutAResponseTheCodeIsThreeZeros() {
        let report = Report(url: "", effectiveURL: "", method: "GET")
        #expect(text("%{http_code} %{http_version}", report) == "000 0")
    }

    @Test func fieldsOfTheResponseAreFoundByName() {
        #expect(text("%header{etag}|%header{absent}|") == "\"x\"||")
    }

    @Test func escapesAreFilledIn() {
        #expect(text(#"a\n\t\r\x\"#) == "a\n\t\r\\x\\")
    }

    @Test func aPercentSignIsWrittenTwiceOrBeforeAnythingElse() {
        #expect(text("100%% %x %") == "100% %x %")
    }

    @Test func anUnclosedBraceStaysAsItIs() {
        #expect(text("%{http_code") == "%{http_code")
        #expect(text("%header{etag") == "%header{etag")
    }

    @Test func outputAndErrorTakeTurns() {
        let pieces = WriteOut(format: "a%{stderr}b%{stdout}c").rendered(report).pieces
        #expect(
            pieces == [
                .init(stream: .output, text: "a"), .init(stream: .error, text: "b"), .init(stream: .output, text: "c"),
            ])
    }

    @Test func anUnknownVariableIsReportedAndLeftOut() {
        let rendered = WriteOut(format: "a%{nonsense}b").rendered(report)
        #expect(rendered.unknown == ["nonsense"])
        #expect(rendered.pieces.map(\.text) == ["ab"])
    }

    @Test func whatFollowsOnErrorIsWrittenOnlyThen() {
        #expect(text("a%{onerror}b") == "a")
        var failed = report
        failed.exitCode = 7
        #expect(text("a%{onerror}b", failed) == "ab")
    }

    @Test func jsonHoldsNumbersTextsAndNulls() {
        var report = report
        report.errorMessage = "say \"no\"\n\u{1}"
        let json = text("%{json}", report)
        #expect(json.hasPrefix("{") && json.hasSuffix("}"))
        #expect(json.contains("\"http_code\":200") && json.contains("\"time_total\":1.020304"))
        #expect(json.contains(#""errormsg":"say \"no\"\n\u0001""#) && json.contains("\"filename_effective\":null"))
    }

    @Test func everyNameOfTheListIsAVariable() {
        for name in Report.names { #expect(report.value(of: name) != nil, "\(name)") }
    }
}

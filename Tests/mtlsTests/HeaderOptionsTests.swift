import HTTPTypes
import Testing

@testable import mtls

struct HeaderOptionsTests {
    private let defaults: HTTPFields = [.accept: "*/*", .userAgent: "mtls"]

    private func lines(_ texts: [String]) throws -> [String] {
        let options = try texts.map { (text) throws(UsageError) in try HeaderOption(text) }
        return try HeaderOption.fields(options, defaults: defaults).map { "\($0.name.rawName)=\($0.value)" }
    }

    @Test func aFieldIsAddedToTheDefaults() throws {
        #expect(try lines(["X-A: b"]) == ["Accept=*/*", "User-Agent=mtls", "X-A=b"])
    }

    @Test func aFieldReplacesTheDefaultOfItsName() throws {
        #expect(try lines(["accept: text/plain"]) == ["User-Agent=mtls", "accept=text/plain"])
    }

    @Test func repeatedFieldsAreAllSent() throws {
        #expect(try lines(["X-A: 1", "X-A: 2"]).suffix(2) == ["X-A=1", "X-A=2"])
    }

    @Test func aColonAloneRemovesADefault() throws {
        #expect(try lines(["User-Agent:"]) == ["Accept=*/*"])
    }

    @Test func aSemicolonSendsAnEmptyField() throws {
        #expect(try lines(["X-Empty;"]).last == "X-Empty=")
    }

    @Test func aValueMayHoldColonsAndSemicolons() throws {
        #expect(try lines(["X-A: http://x;"]).last == "X-A=http://x;")
    }

    @Test func fieldsThatHTTPNeedsCannotBeRemoved() {
        #expect(throws: UsageError.self) { try lines(["Host:"]) }
        #expect(throws: UsageError.self) { try lines(["Content-Length:"]) }
    }

    @Test func aRefusalDoesNotQuoteWhatMayBeASecret() throws {
        for text in ["Bearer hunter2", "Author ization: hunter2"] {
            let error = #expect(throws: UsageError.self) { try HeaderOption(text) }
            #expect(try #require(error).description.contains("hunter2") == false)
        }
    }

    @Test func aFileHasAFieldInEachLine() throws {
        let name = try #require(HTTPField.Name("X-A"))
        #expect(try HeaderOption("@f") == .file("f"))
        #expect(try HeaderOption.lines(of: "X-A: 1\r\n\nX-A;\n") == [.field(name, "1"), .field(name, "")])
    }

    @Test func aFileOfFieldsNamesNoOther() {
        #expect(throws: UsageError.self) { try HeaderOption.lines(of: "@other") }
    }
}

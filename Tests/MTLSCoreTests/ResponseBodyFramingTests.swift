import HTTPTypes
import Testing

@testable import MTLSCore

@Suite struct ResponseBodyFramingTests {
    private func framing(
        _ pairs: (String, String)..., status: Int = 200, method: HTTPRequest.Method = .get,
        version: HTTP1Version = .http11
    ) throws -> ResponseBodyFraming {
        let response = HTTPResponse(status: .init(code: status), headerFields: try fields(pairs))
        return try ResponseBodyFraming(response, to: method, version: version)
    }

    @Test func theContentLengthTellsTheEnd() throws {
        #expect(try framing(("Content-Length", "42")) == .length(42))
        #expect(try framing(("Content-Length", "0")) == .empty)
        #expect(try framing(("Content-Length", "007")) == .length(7))
    }

    @Test func equalLengthsAreOneLength() throws {
        #expect(try framing(("Content-Length", "42"), ("Content-Length", "42")) == .length(42))
        #expect(try framing(("Content-Length", "42, 42")) == .length(42))
    }

    @Test func chunksTellTheEnd() throws {
        #expect(try framing(("Transfer-Encoding", "Chunked")) == .chunked)
    }

    @Test func withoutEitherTheConnectionsEndDoes() throws {
        #expect(try framing() == .untilClose)
        #expect(try framing(version: .http10) == .untilClose)
    }

    @Test(arguments: [100, 103, 204, 304])
    func someResponsesHaveNoBodyWhateverTheySay(_ status: Int) throws {
        #expect(try framing(("Content-Length", "42"), status: status) == .empty)
        #expect(try framing(("Transfer-Encoding", "chunked"), status: status) == .empty)
        #expect(try framing(status: status) == .empty)
    }

    @Test func theAnswerToHEADHasNoBody() throws {
        #expect(try framing(("Content-Length", "42"), method: .head) == .empty)
    }

    @Test(arguments: [
        "42, 43", "42,", "", " ", "-1", "+1", "1.0", "0x10", "4 2", "1e3", "٣", "9223372036854775807",
        "99999999999999999999",
    ])
    func aLengthThatIsNoneIsMalformed(_ length: String) throws {
        #expect(code(of: { _ = try framing(("Content-Length", length)) }) == .responseMalformed)
        #expect(code(of: { _ = try framing(("Content-Length", length), method: .head) }) == .responseMalformed)
    }

    @Test func lengthsThatDifferAreMalformed() throws {
        #expect(
            code(of: { _ = try framing(("Content-Length", "42"), ("Content-Length", "43")) }) == .responseMalformed)
    }

    @Test func lengthAndChunksTogetherAreMalformed() throws {
        #expect(
            code(of: { _ = try framing(("Content-Length", "42"), ("Transfer-Encoding", "chunked")) })
                == .responseMalformed)
    }

    @Test(arguments: ["gzip", "gzip, chunked", "chunked, chunked", "chunked, gzip", "identity", "", "xchunked"])
    func codingsThatNobodyAskedForAreMalformed(_ codings: String) throws {
        #expect(code(of: { _ = try framing(("Transfer-Encoding", codings)) }) == .responseMalformed)
    }

    @Test func twoTransferEncodingsAreMalformed() throws {
        #expect(
            code(of: { _ = try framing(("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")) })
                == .responseMalformed)
    }

    @Test func chunksInOldHTTPAreMalformed() throws {
        #expect(
            code(of: { _ = try framing(("Transfer-Encoding", "chunked"), version: .http10) }) == .responseMalformed)
    }
}

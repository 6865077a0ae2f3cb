import CommandSupport
import FramingCases
import MTLSClient
import MTLSTestKit
import Testing

/// What `mtls` makes of responses that are odd or broken, over TLS with a client certificate: exit codes as curl's.
@Suite struct CommandFramingTests {
    private static let statuses: [String: Int32] = [
        "response.malformed": 8, "response.truncated": 18, "response.empty": 52, "response.headTooLarge": 56,
        "connection.lost": 56,
    ]

    static let sample: [FramingCase] = {
        let names: Set = [
            "a response", "no reason and no space", "HTTP/1.2", "HTTP/0.9 in deed", "small letters", "nothing",
            "one byte",
            "half a head", "SSH", "a head of 16 KiB", "a head of 16 KiB and a byte", "a folded line",
            "a NUL in a value",
            "a space before the colon", "LF alone behind a field", "two lengths", "the same length twice",
            "a length with a minus", "2^63 bytes", "a body that is short by one", "a body that is long by one",
            "a length and chunks", "no length, and the end", "204 with a length and a body", "304 with a body",
            "103", "a flood of 100", "101 unasked", "a chunk", "a size of 2^64 - 1", "no last chunk", "no last CR LF",
            "a trailer", "a trailer of 17 KiB", "gzip and chunked", "chunks in HTTP/1.0", "1.0 without a length",
        ]
        return FramingCase.all.filter { names.contains($0.name) }
    }()

    @Test func theSampleIsInTheTable() { #expect(Self.sample.count == 37) }

    @Test(arguments: sample)
    func aResponseIsTheBodyOrCurlsExitCode(_ given: FramingCase) async throws {
        let files = try await CommandFiles()
        let text = String(decoding: given.bytes, as: UTF8.self)
        let server = try await files.server { _ in
            .raw(text, then: given.ending == .staysOpen ? .keepAlive : .close)
        }
        let outcome = try await MTLSCommand.run(files.options + ["-w", "|%{http_code}", server.url])
        switch given.meaning {
        case .body(let body):
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(outcome.output.hasPrefix("\(body)|"))
        case .fails(let code):
            #expect(outcome.status == Self.statuses[code], "\(outcome.errors)")
            #expect(outcome.errors.hasPrefix("mtls: (\(outcome.status)) "))
        }
    }

    @Test func aBodyWithoutLengthThatIsCutIs18() async throws {
        let files = try await CommandFiles()
        let server = try await files.server { _ in .raw("HTTP/1.1 200 OK\r\n\r\nhalf", then: .cut) }
        let outcome = try await MTLSCommand.run(files.options + [server.url])
        #expect(outcome.status == 18 && outcome.output == "half", "\(outcome.errors)")
    }

    @Test func aResponseToHEADHasNoBodyWhateverItsLength() async throws {
        let files = try await CommandFiles()
        let server = try await files.server { _ in
            .raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", then: .keepAlive)
        }
        let outcome = try await MTLSCommand.run(files.options + ["-I", server.url, server.url])
        #expect(outcome.status == 0 && outcome.output.split(separator: "HTTP/1.1 200 OK").count == 2)
        #expect(server.connectionCount == 1)
    }
}

import CommandSupport
import HTTPTypes
import MTLSClient
import MTLSTestKit
import Testing

/// `mtls --upload-file`.
@Suite struct CommandUploadTests {
    private func echo(_ files: CommandFiles) async throws -> MTLSServer {
        try await files.server { request in
            .response(
                body: "\(request.method) \(request.path) \(request.body.count) "
                    + "\(request.headerFields[.expect] ?? "-") \(request.headerFields[.contentLength] ?? "-")")
        }
    }

    @Test(arguments: [(5, "-"), (3 << 20, "100-continue")])
    func aFileIsPutUnderItsName(_ size: Int, _ expectation: String) async throws {
        let files = try await CommandFiles()
        let server = try await echo(files)
        let file = try files.directory.write(String(repeating: "x", count: size), to: "order.txt")
        let outcome = try await MTLSCommand.run(
            files.options + ["-T", file, "-w", "|%{size_upload}", "\(server.url)/in/"])
        #expect(outcome.output == "PUT /in/order.txt \(size) \(expectation) \(size)|\(size)", "\(outcome.errors)")
    }

    @Test func standardInputIsStreamed() async throws {
        let files = try await CommandFiles()
        let server = try await echo(files)
        let outcome = try await MTLSCommand.run(files.options + ["-T-", "\(server.url)/x"], input: "from a pipe")
        #expect(outcome.output.hasPrefix("PUT /x 11 "), "\(outcome.output) \(outcome.errors)")
    }

    @Test func aFileThatIsNotThereIs26AndNothingIsAsked() async throws {
        let files = try await CommandFiles()
        let server = try await echo(files)
        let outcome = try await MTLSCommand.run(files.options + ["-T", "/nonexistent/file", server.url])
        #expect(outcome.status == 26 && outcome.errors.contains("/nonexistent/file"), "\(outcome.errors)")
        #expect(server.requests.isEmpty)
    }
}

import CommandSupport
import MTLSClient
import Testing

/// `mtls --key-log`.
@Suite struct CommandKeyLogTests {
    @Test func theSecretsGoToTheFileAndAWarningIsGiven() async throws {
        let files = try await CommandFiles()
        let path = "\(files.directory.path)/keys.log"
        let outcome = try await MTLSCommand.run(
            files.options.filter { $0 != "-sS" } + ["--key-log", path, files.nginx.url() + "/who"])
        #expect(outcome.status == 0)
        #expect(outcome.errors.contains("warning: --key-log") && outcome.errors.contains(path))
        #expect(files.directory.text(of: "keys.log").contains("SERVER_TRAFFIC_SECRET_0 "))
    }

    @Test func theVariableAloneDoesNothing() async throws {
        let files = try await CommandFiles()
        let outcome = try await MTLSCommand.run(
            files.options + [files.nginx.url() + "/who"],
            environment: ["SSLKEYLOGFILE": "\(files.directory.path)/keys.log"])
        #expect(outcome.status == 0)
        #expect(files.directory.bytes(of: "keys.log").isEmpty)
    }

    @Test func aFileThatCannotBeOpenedEndsTheCommandBeforeAnythingIsSent() async throws {
        let files = try await CommandFiles()
        let outcome = try await MTLSCommand.run(
            files.options + ["--key-log", "/nowhere/keys.log", files.nginx.url() + "/who"])
        #expect(outcome.status == 2 && outcome.output == "")
        #expect(outcome.errors.contains("/nowhere/keys.log"))
    }
}

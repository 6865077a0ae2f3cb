import CommandSupport
import Testing

@Suite struct ServerProcessTests {
    @Test func aStoppedServerIsKilledAndItsDirectoryRemoved() async throws {
        let directory = try TemporaryDirectory()
        let server = try ServerProcess("/bin/sleep", ["1000"], in: directory)
        #expect(await server.stop() == 128 + 9)
        #expect(throws: CommandError.self) { try directory.write("", to: "late") }
    }

    @Test func aServerThatEndsIsReportedWithItsLog() async throws {
        let server = try ServerProcess("/bin/sh", ["-c", "echo no luck >&2; exit 3"], in: TemporaryDirectory())
        let error = await #expect(throws: CommandError.self) {
            try await server.waitUntilListening(on: LoopbackPort())
        }
        let text = error.map(String.init(describing:)) ?? ""
        #expect(text.contains("ended with status 3"))
        #expect(text.contains("no luck"))
    }

    @Test func portsDiffer() throws {
        let ports = try (0..<50).map { _ in try LoopbackPort() }
        #expect(Set(ports.map(\.number)).count == ports.count)
    }
}

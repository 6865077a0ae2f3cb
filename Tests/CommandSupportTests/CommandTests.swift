import CommandSupport
import Testing

@Suite struct CommandTests {
    private func shell(_ script: String) -> Command { Command("/bin/sh", "-c", script) }

    @Test func outputAndErrorsAreCollectedApart() async throws {
        let outcome = try await shell("echo out; echo err >&2").run()
        #expect(outcome.output == "out\n")
        #expect(outcome.errors == "err\n")
        #expect(outcome.status == 0)
    }

    @Test func theExitStatusIsTold() async throws {
        #expect(try await shell("exit 58").run().status == 58)
    }

    @Test func aSignalCountsFrom128() async throws {
        #expect(try await shell("kill -TERM $$").run().status == 143)
    }

    @Test func muchInputAndOutputPassAtOnce() async throws {
        var command = shell("tee /dev/stderr")
        command.standardInput = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 >> 3) }
        let outcome = try await command.run()
        #expect(outcome.outputBytes == command.standardInput)
        #expect(outcome.errorBytes == command.standardInput)
    }

    @Test func inputThatNobodyReadsIsDropped() async throws {
        var command = shell("exec <&-; echo done")
        command.standardInput = [UInt8](repeating: 0, count: 1_000_000)
        #expect(try await command.run().output == "done\n")
    }

    @Test func theEnvironmentIsWhatWasGiven() async throws {
        var command = Command(try Executable.path(of: "env"))
        command.environment = ["NAME": "value"]
        #expect(try await command.run().output == "NAME=value\n")
    }

    @Test func aCommandThatTakesTooLongIsKilledWithItsChildren() async throws {
        var command = shell("echo begun; sleep 1000; true")
        command.timeLimit = .milliseconds(200)
        let error = await #expect(throws: CommandError.self) { try await command.run() }
        guard case .timeLimit(_, _, let output) = error else {
            Issue.record("unexpected: \(error.map(String.init(describing:)) ?? "nothing")")
            return
        }
        #expect(output == "begun\n")
    }

    @Test func aMissingProgramIsAnError() async throws {
        await #expect(throws: CommandError.self) { try await Command("/nonexistent/program").run() }
        #expect(Executable.find("no-such-program-here") == nil)
    }

    @Test func nothingElseIsHandedDown() async throws {
        let port = try LoopbackPort()
        let listing = try await shell("ls /proc/self/fd | wc -l").run()
        // Standard input, output and errors, and the directory that ls reads.
        #expect(listing.output == "4\n")
        #expect(port.number > 0)
    }
}

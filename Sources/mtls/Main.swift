import ArgumentParser
import Glibc
import GnuTLS

/// The command.
struct MTLS: AsyncParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "mtls",
        abstract: "Mutual TLS over HTTP, with client keys in PKCS#11 tokens.",
        discussion:
            "Without a subcommand it makes requests: 'mtls https://api.example' is 'mtls request https://api.example'.",
        version: version,
        subcommands: [
            RequestCommand.self, ProbeCommand.self, PkiCommand.self, TokensCommand.self, KeysCommand.self,
            DoctorCommand.self, VerifyCommand.self, BenchCommand.self,
        ],
        defaultSubcommand: RequestCommand.self)
}

@main
enum Main {
    /// Lets other threads do the work, and answers signals. An asynchronous `main` would end this thread when it first
    /// waits, and at the end have another made, for the main actor.
    static func main() {
        Files.occupyStandardDescriptors()
        Signals.prepare()
        let arguments = Arguments.split(Array(CommandLine.arguments.dropFirst()))
        if let text = text(for: arguments) {
            print(text)
            return
        }
        Task.detached { await run(arguments) }
        Signals.answer()
    }

    private static func run(_ arguments: [String]) async -> Never {
        do {
            if let options = PlainOptions.read(arguments) {
                var command = RequestCommand()
                command.options = options
                try await command.run()
            } else {
                var command = try MTLS.parseAsRoot(arguments)
                if var command = command as? any AsyncParsableCommand {
                    try await command.run()
                } else {
                    try command.run()
                }
            }
            end(0)
        } catch let code as ExitCode {
            Signals.cleanUp()
            end(code.rawValue)
        } catch {
            fail(error)
        }
    }

    /// Ends the process without what libraries do `atexit`: other threads still run, and the kernel takes back all faster.
    /// Sanitizers and coverage, which are of debug builds, do their last work then.
    private static func end(_ status: Int32) -> Never {
        #if DEBUG
        exit(status)
        #else
        fflush(nil)
        _exit(status)
        #endif
    }

    /// What ArgumentParser would answer less well: of `mtls --help` it would list the subcommands alone.
    static func text(for arguments: [String]) -> String? {
        switch arguments {
        case ["-h"], ["--help"]: MTLS.helpMessage(for: RequestCommand.self)
        case ["-V"], ["--version"]: "mtls \(MTLS.version) (GnuTLS \(GnuTLSGlobal.version))"
        default: nil
        }
    }

    private static func fail(_ error: any Error) -> Never {
        guard MTLS.exitCode(for: error) != .success else { MTLS.exit(withError: error) }
        Console.say("mtls: (\(ExitStatus.usage)) \(MTLS.message(for: error)) (try 'mtls --help')")
        exit(ExitStatus.usage)
    }
}

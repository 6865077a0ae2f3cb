import ArgumentParser
import Glibc

/// The command.
struct MTLS: AsyncParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "mtls",
        abstract: "Mutual TLS over HTTP, with client keys in PKCS#11 tokens.",
        discussion:
            "Without a subcommand it makes requests: 'mtls https://api.example' is 'mtls request https://api.example'.",
        version: version, subcommands: [RequestCommand.self], defaultSubcommand: RequestCommand.self)
}

@main
enum Main {
    static func main() async {
        let arguments = Arguments.split(Array(CommandLine.arguments.dropFirst()))
        if let help = help(for: arguments) {
            print(help)
            return
        }
        do {
            var command = try MTLS.parseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let code as ExitCode {
            exit(code.rawValue)
        } catch {
            fail(error)
        }
    }

    /// The options of a request belong to `mtls --help`, of which ArgumentParser would list the subcommands.
    static func help(for arguments: [String]) -> String? {
        guard arguments == ["-h"] || arguments == ["--help"] else { return nil }
        return MTLS.helpMessage(for: RequestCommand.self)
    }

    private static func fail(_ error: any Error) -> Never {
        guard MTLS.exitCode(for: error) != .success else { MTLS.exit(withError: error) }
        Console.say("mtls: (\(ExitStatus.usage)) \(MTLS.message(for: error)) (try 'mtls --help')")
        exit(ExitStatus.usage)
    }
}

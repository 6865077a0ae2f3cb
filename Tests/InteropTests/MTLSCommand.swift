import CommandSupport
import DevPKI
import Glibc
import MTLSClient
import MTLSTestKit

/// The command `mtls`, as it was built with the tests, or another one that the variable `MTLS_TEST_COMMAND` names.
enum MTLSCommand {
    /// Of what was built with the tests: this process's own executable is there.
    static let directory: String = {
        guard let executable = realpath("/proc/self/exe", nil) else { return "." }
        defer { free(executable) }
        return String(cString: executable).split(separator: "/").dropLast().map { "/\($0)" }.joined()
    }()
    static let path = getenv("MTLS_TEST_COMMAND").map { String(cString: $0) } ?? "\(directory)/mtls"

    static func command(_ arguments: [String]) -> Command { Command(path, arguments) }

    /// Runs it, with `environment` besides the variables that every command gets.
    static func run(
        _ arguments: [String], environment: [String: String] = [:], input: String = ""
    ) async throws -> Command.Outcome {
        var command = command(arguments)
        command.environment.merge(environment) { $1 }
        command.standardInput = Array(input.utf8)
        return try await command.run()
    }
}

/// Files for the command: a client's certificate and key, and the root of the nginx of this process.
struct CommandFiles {
    let nginx: Nginx
    let directory: TemporaryDirectory
    let root: String
    let client: IssuedIdentity.Files

    init(commonName: String = "alice") async throws {
        nginx = try await Nginx.running()
        directory = try TemporaryDirectory()
        root = try nginx.authority.writeRoot(to: directory.path)
        client = try nginx.authority.issueClient(commonName: commonName).write(to: directory.path, name: "client")
    }

    /// Options for a request that succeeds.
    var options: [String] { ["-sS", "--cacert", root, "--cert", client.certificate, "--key", client.key] }

    /// A server in this process that accepts the same clients.
    func server(respond: @escaping @Sendable (ServerRequest) async -> ServerAnswer) async throws -> MTLSServer {
        try await MTLSServer(
            identity: nginx.authority.issue(.server(names: ["127.0.0.1"])), clients: .required,
            trusting: [nginx.authority.root], respond: respond)
    }
}

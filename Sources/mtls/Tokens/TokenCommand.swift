import ArgumentParser
import Glibc
import MTLSClient
import PKCS11

/// A command that works on tokens, and makes no request.
protocol TokenCommand: AsyncParsableCommand {
    /// Does the work, and returns the exit code.
    ///
    /// - Throws: ``UsageError``, `FileFailure` or `MTLSError`.
    func perform() async throws -> Int32
}

extension TokenCommand {
    func run() async throws {
        let status = await outcome()
        // Sessions that are left open fill the slots of a TPM without resource manager.
        PKCS11Module.finalizeAll()
        if status != 0 { throw ExitCode(status) }
    }

    private func outcome() async -> Int32 {
        let (status, message): (Int32, String)
        do {
            return try await perform()
        } catch let error as UsageError {
            (status, message) = (ExitStatus.usage, "\(error) (try 'mtls help \(Self.path)')")
        } catch let error as FileFailure {
            (status, message) = (ExitStatus.readFailed, "cannot use \(error)")
        } catch let error as MTLSError {
            (status, message) = (ExitStatus.of(error), ErrorText.line(error))
        } catch {
            (status, message) = (ExitStatus.internalError, "\(error)")
        }
        Console().error(status, message)
        return status
    }

    /// What the command is called behind `mtls`.
    private static var path: String {
        switch Self.self {
        case is DoctorCommand.Type: "doctor"
        case is ProbeCommand.Type: "probe"
        case is any KeySubcommand.Type: "keys \(_commandName)"
        case is any PkiSubcommand.Type: "pki \(_commandName)"
        default: "tokens \(_commandName)"
        }
    }
}

/// One of `mtls keys`.
protocol KeySubcommand: TokenCommand {}

/// Where the module and the PIN are.
struct TokenOptions: ParsableArguments {
    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp(
            "Where the PIN is: a file, or 'prompt' for a question, as without the option on a terminal.",
            valueName: "file|prompt"))
    var pinSource: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("The environment variable that holds the PIN.", valueName: "name"))
    var pinEnv: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("The PKCS#11 module, if p11-kit does not know it.", valueName: "file"))
    var module: String?

    /// Where the PIN comes from, when it does not come from the URI: as the options say, else a question where there is
    /// a terminal.
    ///
    /// - Throws: When `uri` is none, or holds a PIN for everybody to see.
    func pin(for uri: String, hasTerminal: Bool = Files.hasTerminal) throws(UsageError) -> SecretSource? {
        guard PKCS11URI.isURI(uri) else { throw UsageError("'\(uri)' is not a pkcs11: URI") }
        let choice = try IdentityChoice(certificate: uri, key: nil, exists: Files.exists)
        let named = try SecretSource.named("pin", file: pinSource, variable: pinEnv)
        return named ?? (choice.namesPIN || !hasTerminal ? nil : .prompt)
    }

    /// The token that `uri` names.
    func access(_ uri: String, isAttended: Bool = false) async throws -> TokenAccess {
        try await TokenAccess(uri, pin: try pin(for: uri), module: module, isAttended: isAttended)
    }
}

/// Lines on standard output.
enum Answer {
    static func write(_ lines: [String]) {
        Console.write(lines.map { "\($0)\n" }.joined(), to: STDOUT_FILENO)
    }

    static func write(_ json: JSON) { write([json.text]) }
}

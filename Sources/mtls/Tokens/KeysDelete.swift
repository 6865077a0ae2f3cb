import ArgumentParser
import Glibc
import MTLSClient
import PKCS11

/// `mtls keys delete`.
struct KeysDelete: KeySubcommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Delete keys and certificates.",
        discussion: """
            What the URI's label, identifier and type match: without a type the private key, its public key and its \
            certificates. It lists them and asks. A key that was made in a token is gone for good.
            """)

    @Argument(help: "What to delete: pkcs11:token=NAME;object=LABEL, or ;id=….") var uri: String
    @Flag(name: .long, help: "Do not ask.") var yes = false
    @OptionGroup var token: TokenOptions
    @Flag(name: .long, help: "Write JSON.") var json = false

    func perform() async throws -> Int32 {
        let canAsk = isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1
        guard yes || canAsk else { throw UsageError("there is no terminal to ask on: give --yes to delete") }
        let manager = KeyManager(try await token.access(uri))
        let found = try await manager.matches()
        guard !found.isEmpty else {
            throw MTLSError(
                .tokenObjectNotFound, phase: .identity, fault: .caller,
                "nothing matches \(manager.access.uri.formatted)",
                advice: "mtls tokens list --login shows what there is")
        }
        if !yes, !confirms(found) { return ExitStatus.cancelled }
        let count = try await manager.delete()
        if json {
            Answer.write(
                .object([
                    ("count", .number(count)), ("deleted", .array(found.map { .string($0.uri.formatted) })),
                ]))
        } else {
            Answer.write(["deleted \(count) of \(found.count)"])
        }
        return 0
    }

    private func confirms(_ found: [TokenObject]) -> Bool {
        Console.say(found.map { "  \($0.type.rawValue)  \($0.uri.formatted)" })
        Console.write("Delete these? Type yes: ", to: STDERR_FILENO)
        return readLine() == "yes"
    }
}

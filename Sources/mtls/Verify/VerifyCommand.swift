import ArgumentParser
import MTLSClient

/// `mtls verify`.
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Judge a server's certificate as a handshake would, and say why.",
        discussion: """
              mtls verify --ca ca.pem --host api.example server.pem
              mtls verify --ca ca.pem --chain intermediates.pem --host 192.0.2.1 --at 2030-01-01T00:00:00Z leaf.pem

            The path from the certificate to the anchor is written to standard output and the exit code is 0; or the reason \
            for the refusal goes to standard error, and the exit code is 60. Files are in PEM or DER.
            """)

    @Argument(help: ArgumentHelp("The certificate, and behind it, in PEM, others of its chain.", valueName: "leaf"))
    var leaf: String

    @Option(
        name: [.customLong("ca"), .customLong("cacert")], parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "Trust the certificates of this file or directory, in place of the system's; repeatable.",
            valueName: "file"))
    var ca: [String] = []

    @Option(
        name: .long, parsing: .unconditionalSingleValue,
        help: ArgumentHelp("Other certificates that the server sends, in any order; repeatable.", valueName: "file"))
    var chain: [String] = []

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("The name or address that it has to be for.", valueName: "name"))
    var host: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("Judge as at this time (RFC 3339), such as 2030-01-01T00:00:00Z.", valueName: "time"))
    var at: String?

    @Option(
        name: .long, parsing: .unconditionalSingleValue,
        help: ArgumentHelp("Refuse what this revocation list names; repeatable.", valueName: "file"))
    var crl: [String] = []

    @Flag(name: .long, help: "Demand a revocation list for each certificate but the anchor.")
    var crlRequired = false

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("Allow so many authorities between the certificate and the anchor.", valueName: "number"))
    var depth: Int?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("The OCSP response that the server staples, in DER.", valueName: "file"))
    var ocsp: String?

    @Flag(name: .long, help: "Demand an OCSP response.")
    var ocspRequired = false

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("Demand this public key, or one of several: sha256//…;sha256//…", valueName: "pins"))
    var pinnedpubkey: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("What the certificate has to be for.", valueName: "server|client"))
    var purpose = Purpose.server

    @Flag(name: .long, help: "Write JSON, also of a refusal.") var json = false

    enum Purpose: String, ExpressibleByArgument, Sendable {
        case server, client
    }

    func run() async throws {
        let status: Int32
        do {
            status = try await Verification(self).run()
        } catch let error as UsageError {
            Console().error(ExitStatus.usage, "\(error) (try 'mtls help verify')")
            throw ExitCode(ExitStatus.usage)
        } catch let error as FileFailure {
            Console().error(ExitStatus.readFailed, "cannot read \(error)")
            throw ExitCode(ExitStatus.readFailed)
        } catch let error as MTLSError {
            Console().error(ExitStatus.of(error), ErrorText.line(error))
            throw ExitCode(ExitStatus.of(error))
        }
        if status != 0 { throw ExitCode(status) }
    }
}

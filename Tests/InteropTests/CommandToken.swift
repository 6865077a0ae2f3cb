import CommandSupport
import DevPKI
import Glibc
import MTLSTestKit

/// A token for the command, made by the tools of SoftHSM and GnuTLS in a store of its own: which store this process uses
/// depends on who asked for it first.
struct CommandToken {
    let label = "command"
    /// What SoftHSM needs to find it.
    let environment: [String: String]
    private let files: CommandFiles
    private let pinFile: String

    /// - Parameter names: For each a key and a certificate are stored, with that common name and label.
    init(_ files: CommandFiles, names: [String]) async throws {
        self.files = files
        let directory = files.directory
        let pin = "\(UInt32.random(in: 10_000_000 ... .max))"
        pinFile = try directory.write(pin + "\n", to: "pin")
        directory.makeDirectory("tokens")
        let configuration = try directory.write(
            "directories.tokendir = \(directory.path)/tokens\nobjectstore.backend = file\n", to: "softhsm2.conf")
        environment = ["SOFTHSM2_CONF": configuration]
        try await tool(
            "softhsm2-util", ["--init-token", "--free", "--label", label, "--so-pin", pin, "--pin", pin], pin)
        for (number, name) in names.enumerated() {
            let issued = try files.nginx.authority.issueClient(commonName: name).write(to: directory.path, name: name)
            try await tool(
                "p11tool",
                [
                    "--provider=\(Self.module)", "--batch", "--login", "--write", "--load-privkey=\(issued.key)",
                    "--load-certificate=\(issued.certificate)", "--label=\(name)", "--id=0\(number + 1)", uri,
                ], pin)
        }
    }

    /// Names no object.
    var uri: String { "pkcs11:token=command" }

    static let module = SoftHSMStore.modulePath ?? ""

    /// Options for a request with the key of that name.
    func options(object name: String? = nil, module: String = Self.module, pin: [String]? = nil) -> [String] {
        let object = name.map { ";object=\($0)" } ?? ""
        return ["-sS", "--cacert", files.root, "--cert", uri + object, "--module", module]
            + (pin ?? ["--pin-source", pinFile])
    }

    private func tool(_ name: String, _ arguments: [String], _ pin: String) async throws {
        var command = Command(try Executable.path(of: name), arguments)
        command.environment.merge(environment) { $1 }
        command.environment["GNUTLS_PIN"] = pin
        let outcome = try await command.run()
        guard outcome.status == 0 else {
            throw CommandError.serverFailed("\(name) ended with status \(outcome.status)", log: outcome.errors)
        }
    }
}

import ArgumentParser
import DevPKI
import GnuTLS
import Glibc
import MTLSClient

/// `mtls pki`: authorities and certificates for development and tests.
struct PkiCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pki", abstract: "Make authorities and certificates for development, in files or into a token.",
        discussion: """
            Everything at once, and each step by itself:

              mtls pki init                              # an authority, a server, a client
              mtls pki ca --name 'Dev CA'
              mtls pki server api.test 127.0.0.1
              mtls pki client alice --pass-source prompt --p12
              mtls pki client alice --token 'pkcs11:token=dev;object=alice'
              mtls pki sign alice.csr
              mtls pki revoke alice
              mtls pki show pki/alice.pem

            The files go to the directory pki, or to that of --dir: NAME.pem, NAME-key.pem (mode 0600), and for each \
            authority NAME.index, which lists what it issued (OpenSSL's index.txt), and NAME-crl.pem. Nothing is \
            overwritten without --force, and an authority by no other certificate at all.
            """,
        subcommands: [
            PkiInit.self, PkiAuthority.self, PkiIntermediate.self, PkiServer.self, PkiClient.self, PkiSign.self,
            PkiRevoke.self, PkiList.self, PkiShow.self, PkiRenewList.self,
        ])
}

/// One of `mtls pki`.
protocol PkiSubcommand: TokenCommand {}

/// The kinds of keys that are made in files.
enum PkiKeyType: String, ExpressibleByArgument, CaseIterable {
    case p256, p384, p521, rsa2048, rsa3072, rsa4096, ed25519, ed448
    /// Refused by everybody: for tests.
    case rsa1024

    var kind: KeyKind {
        switch self {
        case .p256: .ecdsaP256
        case .p384: .ecdsaP384
        case .p521: .ecdsaP521
        case .rsa2048: .rsa(bits: 2048)
        case .rsa3072: .rsa(bits: 3072)
        case .rsa4096: .rsa(bits: 4096)
        case .ed25519: .ed25519
        case .ed448: .ed448
        case .rsa1024: .rsa(bits: 1024)
        }
    }
}

/// Where the files are.
struct PkiPlace: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("The directory of the files.", valueName: "directory"))
    var dir = "pki"

    @Flag(name: .long, help: "Replace files that are there.") var force = false
    @Flag(name: .long, help: "Write JSON.") var json = false

    var directory: AuthorityDirectory { AuthorityDirectory(dir) }

    /// Makes the directory, unless it is there.
    func prepare() throws(MTLSError) {
        if try directory.create() {
            Console().warn("others may write to \"\(dir)\", and put an authority of theirs there: chmod go-w it")
        }
    }
}

/// Who signs.
struct PkiIssuer: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("The authority that signs, by the name of its files.", valueName: "name"))
    var ca = "ca"

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp(
            "Where the passphrase of the authority's key is, if it is encrypted: a file, or 'prompt', as without.",
            valueName: "file|prompt"))
    var caPassSource: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("The environment variable that holds it.", valueName: "name"))
    var caPassEnv: String?

    func open(_ name: String? = nil, in place: PkiPlace) async throws -> StoredAuthority {
        let source = try SecretSource.named("ca-pass", file: caPassSource, variable: caPassEnv)
        return try await StoredAuthority(
            name ?? ca, in: place.directory, passphrase: source ?? (Files.hasTerminal ? .prompt : nil))
    }
}

/// How the key is encrypted that is made.
struct PkiPassphrase: ParsableArguments {
    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp(
            "Encrypt the key by the passphrase in this file, or 'prompt' for a question.", valueName: "file|prompt"))
    var passSource: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("The environment variable that holds the passphrase.", valueName: "name"))
    var passEnv: String?

    /// What a request with the key needs.
    var requestOptions: String {
        if let passEnv { return " --pass-env \(ShellWord.quoted(passEnv))" }
        guard let passSource, passSource != "prompt" else { return "" }
        return " --pass-source \(ShellWord.quoted(passSource))"
    }

    /// - Parameter subject: What is encrypted, for the question.
    /// - Returns: nil when nothing is to be encrypted.
    func read(for subject: String) async throws -> SecretBytes? {
        guard let source = try SecretSource.named("pass", file: passSource, variable: passEnv) else { return nil }
        let first = try await source.read(.init(subject: "new \(subject)", name: "passphrase"))
        guard let first, first.count > 0 else { throw UsageError("a passphrase cannot be empty") }
        if source.isInteractive {
            let second = try await source.read(.init(subject: "new \(subject), again", name: "passphrase"))
            guard first == second else { throw UsageError("these are two different passphrases") }
        }
        return first
    }
}

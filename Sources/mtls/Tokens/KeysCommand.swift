import ArgumentParser
import GnuTLS
import MTLSClient
import PKCS11

/// `mtls keys`: keys in tokens, and their certificates.
struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "Make keys in tokens, request and store certificates for them, delete them.",
        discussion: """
              mtls keys generate 'pkcs11:token=prod;object=client' --type p256
              mtls keys request  'pkcs11:token=prod;object=client' --subject CN=client -o client.csr
              mtls keys import   'pkcs11:token=prod;object=client' client.pem
              mtls doctor        'pkcs11:token=prod;object=client'
            """,
        subcommands: [KeysGenerate.self, KeysRequest.self, KeysImport.self, KeysSelfSign.self, KeysDelete.self])
}

/// `mtls keys generate`.
struct KeysGenerate: KeySubcommand {
    static let configuration = CommandConfiguration(
        commandName: "generate", abstract: "Make a key pair in a token, whose private key cannot leave it.",
        discussion: "The URI's object becomes the label. A label or an identifier that exists is refused.")

    enum Kind: String, ExpressibleByArgument, CaseIterable {
        case rsa2048, rsa3072, rsa4096, p256, p384, p521, ed25519

        var kind: PKCS11.KeyKind {
            switch self {
            case .rsa2048: .rsa(bits: 2048)
            case .rsa3072: .rsa(bits: 3072)
            case .rsa4096: .rsa(bits: 4096)
            case .p256: .ecP256
            case .p384: .ecP384
            case .p521: .ecP521
            case .ed25519: .ed25519
            }
        }
    }

    @Argument(help: "Token and label: pkcs11:token=NAME;object=LABEL.") var uri: String
    @Option(name: .long, help: ArgumentHelp("The kind of key.", valueName: "type")) var type: Kind
    @Option(
        name: .long, help: ArgumentHelp("The identifier (CKA_ID); eight random bytes without it.", valueName: "hex"))
    var id: String?
    @OptionGroup var token: TokenOptions
    @Flag(name: .long, help: "Write JSON.") var json = false

    func perform() async throws -> Int32 {
        let id = try id.map { (text: String) throws(UsageError) in
            guard let bytes = Hex.bytes(text) else { throw UsageError("--id takes hexadecimal digits, such as 01a0") }
            return bytes
        }
        let made = try await KeyManager(try await token.access(uri)).generate(type.kind, id: id)
        if json {
            Answer.write(
                .object([
                    ("uri", .string(made.uri.formatted)), ("id", .string(Hex.text(made.uri.id ?? []))),
                    ("type", .string(made.publicKey.forPeople)),
                    ("publicKey", .string(Hex.text(made.publicKey.spkiDER))),
                ]))
        } else {
            Answer.write([made.uri.shellQuoted])
        }
        return 0
    }
}

/// `mtls keys request`.
struct KeysRequest: KeySubcommand {
    static let configuration = CommandConfiguration(
        commandName: "request", abstract: "Make a certificate request (PKCS#10), signed by a key in a token.")

    @Argument(help: "The key's URI.") var uri: String
    @OptionGroup var names: NameOptions
    @Option(name: .shortAndLong, help: ArgumentHelp("Write to this file; - is standard output.", valueName: "file"))
    var output: String?
    @OptionGroup var token: TokenOptions
    @Flag(name: .long, help: "Write JSON.") var json = false

    func perform() async throws -> Int32 {
        let alternatives = try names.alternatives()
        let der = try await KeyManager(try await token.access(uri)).request(
            subject: names.subject, names: alternatives)
        let pem = CertificationRequest.pem(der)
        if json {
            Answer.write(.object([("request", .string(String(decoding: pem, as: UTF8.self)))]))
        } else {
            try pem.withUnsafeBytes { try Output(file: output == "-" ? nil : output).write($0) }
        }
        return 0
    }
}

/// `mtls keys import`.
struct KeysImport: KeySubcommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Store a key's certificate, and its chain, beside it.",
        discussion: "The certificate gets the key's identifier. One that does not belong to the key is refused.")

    @Argument(help: "The key's URI.") var uri: String
    @Argument(help: "The certificate and its issuers (PEM); - is standard input.") var file: String
    @Flag(name: .long, help: "Delete the certificates that the key had before.") var replace = false
    @OptionGroup var token: TokenOptions
    @Flag(name: .long, help: "Write JSON.") var json = false

    func perform() async throws -> Int32 {
        let pem = try Files.read(file, limit: Files.certificateLimit)
        let uris = try await KeyManager(try await token.access(uri)).importCertificates(
            pem: pem, name: "\"\(file)\"", replace: replace)
        if json {
            Answer.write(.object([("certificates", .array(uris.map { .string($0.formatted) }))]))
        } else {
            Answer.write(uris.map(\.shellQuoted))
        }
        return 0
    }
}

/// `mtls keys self-sign`.
struct KeysSelfSign: KeySubcommand {
    static let configuration = CommandConfiguration(
        commandName: "self-sign", abstract: "Make a certificate that the key itself signs, for tests, and store it.")

    @Argument(help: "The key's URI.") var uri: String
    @OptionGroup var names: NameOptions
    @Option(name: .long, help: ArgumentHelp("How long it is valid.", valueName: "number")) var days: Int
    @Flag(name: .long, help: "Delete the certificates that the key had before.") var replace = false
    @OptionGroup var token: TokenOptions
    @Flag(name: .long, help: "Write JSON.") var json = false

    func perform() async throws -> Int32 {
        guard (1...36_500).contains(days) else { throw UsageError("--days takes a number from 1 to 36500") }
        let alternatives = try names.alternatives()
        let made = try await KeyManager(try await token.access(uri)).selfSign(
            subject: names.subject, names: alternatives, days: days, replace: replace)
        let pem = String(decoding: made.certificate.pemEncoded, as: UTF8.self)
        if json {
            Answer.write(
                .object([
                    ("uri", .string(made.uri.formatted)), ("certificate", .string(pem)),
                    ("fingerprint", .string(made.certificate.sha256FingerprintHex)),
                ]))
        } else {
            Answer.write([made.uri.shellQuoted])
        }
        return 0
    }
}

import ArgumentParser
import DevPKI
import GnuTLS
import MTLSClient
import PKCS11

/// What the commands have in common that make a certificate for a server or a client.
struct PkiLeaf: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("What the files are called.", valueName: "name")) var file: String?
    @Option(
        name: .long,
        help: ArgumentHelp("The whole subject (RFC 4514), such as CN=alice,O=Example.", valueName: "name"))
    var subject: String?

    @Option(
        name: .long, parsing: .singleValue,
        help: ArgumentHelp(
            "What it is for, to provoke refusals: server, client, any, none (no restriction), or an OID; repeatable.",
            valueName: "purpose"))
    var purpose: [String] = []

    @Option(name: .long, help: ArgumentHelp("The kind of key.", valueName: "type")) var keyType = PkiKeyType.p256
    @Flag(name: .long, help: "Write NAME.p12, too: PKCS#12 with key and chain, by the passphrase.") var p12 = false
    @OptionGroup var issuer: PkiIssuer
    @OptionGroup var period: PkiPeriod
    @OptionGroup var passphrase: PkiPassphrase
    @OptionGroup var place: PkiPlace

    /// - Parameter standard: The purpose without the option.
    static func purposes(_ names: [String], standard: String) throws(UsageError) -> [String] {
        guard !names.isEmpty else { return [standard] }
        guard names != ["none"] else { return [] }
        return try names.map { (name) throws(UsageError) in
            switch name {
            case "server": return KeyPurpose.serverAuth
            case "client": return KeyPurpose.clientAuth
            case "any": return KeyPurpose.any
            default:
                let arcs = name.split(separator: ".", omittingEmptySubsequences: false)
                guard arcs.count > 1, arcs.allSatisfy({ !$0.isEmpty && $0.allSatisfy { $0.isASCII && $0.isNumber } })
                else { throw UsageError("--purpose takes server, client, any, none or an OID, not '\(name)'") }
                return name
            }
        }
    }

    /// A name for files that comes from a name for people.
    static func fileName(_ name: String) -> String {
        let text = name.hasPrefix("*.") ? "wildcard" + name.dropFirst() : name
        return String(
            text.map { $0.isASCII && ($0.isLetter || $0.isNumber || "._@".contains($0)) ? $0 : "-" }
                .drop { "-.".contains($0) })
    }

    /// What is to be certified, by the options.
    func request(
        commonName: String, names: AlternativeNames, purpose standard: String, by authority: StoredAuthority
    ) throws -> LeafRequest {
        LeafRequest(
            subject: subject.map { .text($0) } ?? .commonName(commonName), names: names,
            purposes: try Self.purposes(purpose, standard: standard),
            period: try period.period(days: 365, until: authority.certificate.notAfter))
    }

    /// Makes a key in a file, and its certificate.
    func make(_ request: LeafRequest, file: String, by authority: StoredAuthority) async throws -> PkiSummary {
        let directory = place.directory
        try directory.requireFree(file, replaces: place.force)
        let secret = try await secret(for: file)
        let key = try PrivateKey.generate(keyType.kind)
        let made = try authority.certify(request, for: key.publicKey, file: file)
        let chain = [made] + authority.intermediates
        try directory.write(key, chain, to: file, passphrase: secret, replaces: place.force)
        var summary = PkiSummary(made)
        summary.add("certificate", directory.certificatePath(file), "with its chain")
        summary.add("key", directory.keyPath(file), secret == nil ? "not encrypted" : "encrypted")
        if p12, let secret {
            let container = try PKCS12Writer.file(key: key, chain: chain, name: file, passphrase: secret)
            try SafeFile.write(container, to: directory.containerPath(file), mode: 0o600, replaces: place.force)
            summary.add("pkcs12", directory.containerPath(file), "both, encrypted")
        }
        return summary
    }

    private func secret(for file: String) async throws -> SecretBytes? {
        if let secret = try await passphrase.read(for: "key \(place.directory.keyPath(file))") { return secret }
        if p12 { throw UsageError("--p12 needs a passphrase: --pass-source or --pass-env") }
        return nil
    }

    /// How the command is told to trust what `authority` issues.
    static func trustOption(_ authority: StoredAuthority) -> String {
        let chain = [authority.certificate] + authority.intermediates
        let root = authority.directory.root(above: chain)?.name ?? authority.name
        return "--cacert \(ShellWord.quoted(authority.directory.certificatePath(root)))"
    }
}

/// `mtls pki server`.
struct PkiServer: PkiSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "server", abstract: "Make a server's key and certificate, for names and addresses.")

    @Argument(help: "DNS names (*.example, too) and IP addresses; without any: localhost, 127.0.0.1 and ::1.")
    var hosts: [String] = []

    @Option(
        name: .long, parsing: .singleValue, help: ArgumentHelp("Another address; repeatable.", valueName: "address"))
    var ip: [String] = []

    @OptionGroup var leaf: PkiLeaf

    static let standardHosts = ["localhost", "127.0.0.1", "::1"]

    func perform() async throws -> Int32 {
        let hosts = hosts.isEmpty && ip.isEmpty ? Self.standardHosts : hosts
        let names = try Self.names(hosts: hosts, addresses: ip)
        let first = (hosts + ip)[0]
        let authority = try await leaf.issuer.open(in: leaf.place)
        let request = try leaf.request(
            commonName: first, names: names, purpose: KeyPurpose.serverAuth, by: authority)
        var summary = try await leaf.make(request, file: leaf.file ?? PkiLeaf.fileName(first), by: authority)
        let host = first.hasPrefix("*.") ? "www" + first.dropFirst() : first.contains(":") ? "[\(first)]" : first
        summary.next = ["mtls \(ShellWord.quoted("https://\(host)/")) \(PkiLeaf.trustOption(authority))"]
        summary.write(json: leaf.place.json)
        return 0
    }

    static func names(hosts: [String], addresses: [String]) throws(UsageError) -> AlternativeNames {
        var names = AlternativeNames()
        for host in hosts {
            if let address = NameOptions.address(host) {
                names.addresses.append(address)
            } else {
                names.dns.append(host)
            }
        }
        for text in addresses {
            guard let address = NameOptions.address(text) else { throw UsageError("'\(text)' is not an IP address") }
            names.addresses.append(address)
        }
        return names
    }
}

/// `mtls pki client`.
struct PkiClient: PkiSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "client", abstract: "Make a client's key and certificate, in files or in a token.",
        discussion: """
            With --token the key is made in the token, which it cannot leave; its certificate and chain are stored with \
            it. The URI's object becomes the label; without one, the name does.
            """)

    @Argument(help: "The common name.") var name: String
    @Option(name: .long, parsing: .singleValue, help: ArgumentHelp("A mail address; repeatable.", valueName: "address"))
    var email: [String] = []

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("Make the key in this token: pkcs11:token=NAME;object=LABEL.", valueName: "uri"))
    var token: String?

    @OptionGroup(title: "Token") var tokenOptions: TokenOptions
    @OptionGroup var leaf: PkiLeaf

    func perform() async throws -> Int32 {
        let authority = try await leaf.issuer.open(in: leaf.place)
        let request = try leaf.request(
            commonName: name, names: AlternativeNames(emails: email), purpose: KeyPurpose.clientAuth, by: authority)
        let file = leaf.file ?? PkiLeaf.fileName(name)
        let trust = PkiLeaf.trustOption(authority)
        var summary: PkiSummary
        if let token {
            summary = try await make(request, in: token, file: file, by: authority, trust: trust)
        } else {
            summary = try await leaf.make(request, file: file, by: authority)
            let directory = leaf.place.directory
            summary.next = [
                "mtls https://localhost/ \(trust) -E \(ShellWord.quoted(directory.certificatePath(file))) "
                    + "--key \(ShellWord.quoted(directory.keyPath(file)))\(leaf.passphrase.requestOptions)"
            ]
        }
        summary.write(json: leaf.place.json)
        return 0
    }

    private func make(
        _ request: LeafRequest, in token: String, file: String, by authority: StoredAuthority, trust: String
    ) async throws -> PkiSummary {
        guard !leaf.p12, leaf.passphrase.passSource == nil, leaf.passphrase.passEnv == nil else {
            throw UsageError("--token excludes --p12 and a passphrase: the key never leaves the token")
        }
        guard let kind = KeysGenerate.Kind(rawValue: leaf.keyType.rawValue)?.kind else {
            throw UsageError("tokens make no keys of the kind \(leaf.keyType.rawValue)")
        }
        let directory = leaf.place.directory
        try directory.requireFree(file, hasKey: false, replaces: leaf.place.force)
        let uri = try Self.uri(token, label: name)
        let manager = KeyManager(try await tokenOptions.access(uri))
        let made = try await manager.generate(kind)
        let certificate = try authority.certify(request, for: made.publicKey, file: file)
        let chain = [certificate] + authority.intermediates
        _ = try await manager.importCertificates(
            pem: Array(chain.map(\.pemEncoded).joined()), name: "the new certificate", replace: false)
        try directory.write(nil, chain, to: file, passphrase: nil, replaces: leaf.place.force)
        var summary = PkiSummary(certificate)
        summary.add("key", made.uri.shellQuoted, "key and certificate, in the token")
        summary.add("certificate", directory.certificatePath(file), "with its chain")
        let module = tokenOptions.module.map { " --module \(ShellWord.quoted($0))" } ?? ""
        summary.next = [
            "mtls doctor \(made.uri.shellQuoted)\(module)",
            "mtls https://localhost/ \(trust) -E \(made.uri.shellQuoted)\(module)",
        ]
        return summary
    }

    /// The URI with a label for the key.
    static func uri(_ text: String, label: String) throws -> String {
        guard PKCS11URI.isURI(text) else { throw UsageError("'\(text)' is not a pkcs11: URI") }
        _ = try IdentityChoice(certificate: text, key: nil, exists: Files.exists)
        let parsed: PKCS11URI
        do { parsed = try PKCS11URI(text) } catch { throw MTLSError.token(error, phase: .prepare) }
        guard parsed.object == nil else { return text }
        var labelled = PKCS11URI()
        labelled.object = Array(label.utf8)
        let attribute = labelled.formatted.dropFirst("pkcs11:".count)
        let path = text.prefix { $0 != "?" }
        return "\(path)\(path.hasSuffix(":") ? "" : ";")\(attribute)\(text.dropFirst(path.count))"
    }
}

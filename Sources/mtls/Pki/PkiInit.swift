import ArgumentParser
import DevPKI
import GnuTLS
import MTLSClient

/// `mtls pki init`.
struct PkiInit: PkiSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Make all that a trial of mutual TLS needs: an authority, a server, a client.",
        discussion: "With a passphrase the client's key is encrypted, and there is a client.p12.")

    @Argument(help: "The server's names and addresses; without any: localhost, 127.0.0.1 and ::1.")
    var hosts: [String] = []

    @Option(name: .long, help: ArgumentHelp("The client's common name.", valueName: "name")) var client = "client"
    @Option(name: .long, help: ArgumentHelp("The kind of the keys.", valueName: "type")) var keyType = PkiKeyType.p256
    @OptionGroup var passphrase: PkiPassphrase
    @OptionGroup var place: PkiPlace

    func perform() async throws -> Int32 {
        let hosts = hosts.isEmpty ? PkiServer.standardHosts : hosts
        let names = try PkiServer.names(hosts: hosts, addresses: [])
        try prepare()
        let secret = try await passphrase.read(for: "key \(place.directory.keyPath("client"))")
        try makeRoot()
        let authority = try await StoredAuthority("ca", in: place.directory, passphrase: nil)
        try makeLeaves(of: authority, hosts: hosts, names: names, secret: secret)
        return 0
    }

    // The steps that do not wait stand apart: with them in `perform`, Swift 6.3.1 crashes in release builds.

    private func prepare() throws {
        try place.prepare()
        let directory = place.directory
        try directory.requireFree("ca", isAuthority: true, replaces: place.force)
        for file in ["server", "client"] { try directory.requireFree(file, replaces: place.force) }
    }

    private func makeRoot() throws {
        _ = try place.directory.makeRoot(
            "ca", commonName: "Development CA", key: keyType.kind, period: try Self.period(days: 3650),
            pathLength: nil, passphrase: nil, replaces: place.force)
    }

    private static func period(days: Int) throws -> LeafRequest.Period { try PkiPeriod.parse([]).period(days: days) }

    private func makeLeaves(
        of authority: StoredAuthority, hosts: [String], names: AlternativeNames, secret: SecretBytes?
    ) throws {
        let directory = place.directory
        let leaves = [
            ("server", hosts[0], names, KeyPurpose.serverAuth), ("client", client, .init(), KeyPurpose.clientAuth),
        ]
        for (file, commonName, names, purpose) in leaves {
            let key = try PrivateKey.generate(keyType.kind)
            let request = LeafRequest(
                subject: .commonName(commonName), names: names, purposes: [purpose], period: try Self.period(days: 365))
            let chain = [try authority.certify(request, for: key.publicKey, file: file)]
            let own = file == "client" ? secret : nil
            try directory.write(key, chain, to: file, passphrase: own, replaces: place.force)
            if let own {
                let container = try PKCS12Writer.file(key: key, chain: chain, name: commonName, passphrase: own)
                try SafeFile.write(container, to: directory.containerPath(file), mode: 0o600, replaces: place.force)
            }
        }
        var summary = PkiSummary(authority.certificate)
        summary.add("ca", directory.certificatePath("ca"), "for both sides to trust")
        summary.add("caKey", directory.keyPath("ca"), "signs further certificates")
        summary.add("server", directory.certificatePath("server"), "for \(hosts.joined(separator: ", "))")
        summary.add("serverKey", directory.keyPath("server"), "not encrypted")
        summary.add("client", directory.certificatePath("client"), "for \(client)")
        summary.add("clientKey", directory.keyPath("client"), secret == nil ? "not encrypted" : "encrypted")
        if secret != nil { summary.add("pkcs12", directory.containerPath("client"), "both, encrypted") }
        summary.next = Self.next(directory, host: hosts[0], passphrase: passphrase)
        summary.write(json: place.json)
    }

    /// A server for the trial, and the request to it.
    private static func next(_ directory: AuthorityDirectory, host: String, passphrase: PkiPassphrase) -> [String] {
        func path(_ path: String) -> String { ShellWord.quoted(path) }
        let (certificate, key) = (path(directory.certificatePath("server")), path(directory.keyPath("server")))
        let root = path(directory.certificatePath("ca"))
        let place = host.contains(":") ? "[\(host)]" : host
        var request = "mtls \(ShellWord.quoted("https://\(place):8443/")) --cacert \(root)"
        request += " -E \(path(directory.certificatePath("client"))) --key \(path(directory.keyPath("client")))"
        request += passphrase.requestOptions
        return [
            "openssl s_server -accept 8443 -www -cert \(certificate) -key \(key) -CAfile \(root) -Verify 1", request,
        ]
    }
}

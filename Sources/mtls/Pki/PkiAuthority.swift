import ArgumentParser
import DevPKI
import MTLSClient

/// `mtls pki ca`.
struct PkiAuthority: PkiSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "ca", abstract: "Make a root authority: the certificate to trust, and the key that signs others.")

    @Option(name: .long, help: ArgumentHelp("The authority's common name.", valueName: "name"))
    var name = "Development CA"

    @Option(name: .long, help: ArgumentHelp("What its files are called.", valueName: "name")) var file = "ca"
    @Option(name: .long, help: ArgumentHelp("The kind of key.", valueName: "type")) var keyType = PkiKeyType.p256
    @Option(
        name: .long,
        help: ArgumentHelp("How many authorities may stand below; any number without it.", valueName: "number"))
    var pathLength: Int?

    @OptionGroup var period: PkiPeriod
    @OptionGroup var passphrase: PkiPassphrase
    @OptionGroup var place: PkiPlace

    func perform() async throws -> Int32 {
        try PkiIntermediate.check(pathLength)
        let period = try period.period(days: 3650)
        try place.prepare()
        let directory = place.directory
        try directory.requireFree(file, isAuthority: true, replaces: place.force)
        let made = try directory.makeRoot(
            file, commonName: name, key: keyType.kind, period: period, pathLength: pathLength,
            passphrase: try await passphrase.read(for: "key of \(name)"), replaces: place.force)
        var summary = PkiSummary(made)
        summary.add("certificate", directory.certificatePath(file), "trust it: --cacert")
        summary.add("key", directory.keyPath(file), "signs certificates: keep it to yourself")
        let option = file == "ca" ? "" : " --ca \(file)"
        let dir = place.dir == "pki" ? "" : " --dir \(ShellWord.quoted(place.dir))"
        summary.next = ["mtls pki server localhost 127.0.0.1\(option)\(dir)", "mtls pki client alice\(option)\(dir)"]
        summary.write(json: place.json)
        return 0
    }
}

/// `mtls pki intermediate`.
struct PkiIntermediate: PkiSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "intermediate", abstract: "Make an authority below another, which signs in its place.",
        discussion: "What it issues comes with its certificate, so that only the root has to be trusted.")

    @Option(name: .long, help: ArgumentHelp("The authority's common name.", valueName: "name"))
    var name = "Development Intermediate CA"

    @Option(name: .long, help: ArgumentHelp("What its files are called.", valueName: "name"))
    var file = "intermediate"

    @Option(name: .long, help: ArgumentHelp("The kind of key.", valueName: "type")) var keyType = PkiKeyType.p256
    @Option(
        name: .long,
        help: ArgumentHelp("How many authorities may stand below; any number without it.", valueName: "number"))
    var pathLength: Int?

    @OptionGroup var issuer: PkiIssuer
    @OptionGroup var period: PkiPeriod
    @OptionGroup var passphrase: PkiPassphrase
    @OptionGroup var place: PkiPlace

    func perform() async throws -> Int32 {
        try Self.check(pathLength)
        let directory = place.directory
        let authority = try await issuer.open(in: place)
        try directory.requireFree(file, isAuthority: true, replaces: place.force)
        let made = try directory.makeIntermediate(
            file, commonName: name, below: authority, key: keyType.kind,
            period: try period.period(days: 1825, until: authority.certificate.notAfter), pathLength: pathLength,
            passphrase: try await passphrase.read(for: "key of \(name)"), replaces: place.force)
        var summary = PkiSummary(made)
        summary.add("certificate", directory.certificatePath(file), "sent along by what it issues")
        summary.add("key", directory.keyPath(file), "signs certificates: keep it to yourself")
        let dir = place.dir == "pki" ? "" : " --dir \(ShellWord.quoted(place.dir))"
        summary.next = ["mtls pki server localhost 127.0.0.1 --ca \(file)\(dir)"]
        summary.write(json: place.json)
        return 0
    }

    static func check(_ pathLength: Int?) throws(UsageError) {
        if let pathLength, !(0...100).contains(pathLength) {
            throw UsageError("--path-length takes a number from 0 to 100")
        }
    }
}

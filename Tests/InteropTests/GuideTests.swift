import CommandSupport
import Glibc
import MTLSClient
import MTLSTestKit
import Testing

/// A directory as `Examples/README.md` tells to make it, with the guide's server running in it.
private final class GuidePlace: Sendable {
    private static let shared = Task { try await GuidePlace() }

    static func ready() async throws -> GuidePlace { try await shared.value }
    static var isPossible: Bool { Executable.find("node") != nil }
    static var hasTokens: Bool { isPossible && Executable.find("softhsm2-util") != nil }

    private let server: ServerProcess
    private let ports: [LoopbackPort]
    private var directory: TemporaryDirectory { server.directory }

    private init() async throws {
        let directory = try TemporaryDirectory()
        let pki = ["--dir", "\(directory.path)/pki"]
        let pass = try directory.write("correct horse\n", to: "alice.pass")
        try await Self.mtls(["pki", "init"] + pki)
        try await Self.mtls(["pki", "client", "alice", "--p12", "--pass-source", pass] + pki)
        try await Self.mtls(["pki", "client", "bob"] + pki)
        try await Self.mtls(["pki", "client", "late", "--expired"] + pki)
        ports = [try LoopbackPort(), try LoopbackPort()]
        server = try ServerProcess(
            Executable.path(of: "node"), ["\(Source.examples)/Guide/server.js"] + ports.map { "\($0.number)" },
            in: directory)
        for port in ports { try await server.waitUntilListening(on: port) }
    }

    /// Of the server that demands certificates.
    func url(_ host: String = "localhost") -> String { "https://\(host):\(ports[0].number)" }

    /// Of the one that only asks.
    var lenientURL: String { "https://127.0.0.1:\(ports[1].number)" }

    /// Runs a section in the directory.
    ///
    /// - Returns: The lines that it printed.
    func run(_ section: String, _ urls: String..., environment: [String: String] = [:]) async throws -> [String] {
        let script = #"cd -- "$0" && exec "$@""#
        let guide = "\(MTLSCommand.directory)/guide"
        var command = Command("/bin/sh", ["-c", script, directory.path, guide, section] + urls)
        command.environment.merge(environment) { $1 }
        let outcome = try await command.run()
        #expect(outcome.status == 0 && outcome.errors == "", "\(outcome.output)\(outcome.errors)")
        return outcome.output.split(separator: "\n").map(String.init)
    }

    /// Makes the token `dev` with the key `client`.
    ///
    /// - Returns: What SoftHSM needs to find it.
    func makeToken() async throws -> [String: String] {
        let pin = "\(UInt32.random(in: 10_000_000 ... .max))"
        let file = try directory.write(pin + "\n", to: "token.pin")
        directory.makeDirectory("tokens")
        let configuration = try directory.write(
            "directories.tokendir = \(directory.path)/tokens\n", to: "softhsm2.conf")
        let environment = ["SOFTHSM2_CONF": configuration]
        var make = Command(try Executable.path(of: "softhsm2-util"), "--init-token", "--free", "--label", "dev")
        make.environment.merge(environment) { $1 }
        make.arguments += ["--so-pin", pin, "--pin", pin]
        let outcome = try await make.run()
        #expect(outcome.status == 0, "\(outcome.errors)")
        try await Self.mtls(
            [
                "pki", "client", "carol", "--token", "pkcs11:token=dev;object=client?module-name=softhsm2",
                "--pin-source", file, "--dir",
                "\(directory.path)/pki",
            ], environment: environment)
        return environment
    }

    private static func mtls(_ arguments: [String], environment: [String: String] = [:]) async throws {
        let outcome = try await MTLSCommand.run(arguments, environment: environment)
        guard outcome.status == 0 else {
            throw CommandError.serverFailed("mtls \(arguments.joined(separator: " "))", log: outcome.errors)
        }
    }
}

/// The guide's sections, run as programs against the guide's server, which is Node's own.
@Suite(.enabled(if: GuidePlace.isPossible, "Node is not installed")) struct GuideTests {
    @Test func aClientShowsItsCertificate() async throws {
        let place = try await GuidePlace.ready()
        #expect(try await place.run("client", place.url()) == ["200 OK Hello, client"])
    }

    @Test func settingsDecideOnVersionAndName() async throws {
        let place = try await GuidePlace.ready()
        let line = try #require(try await place.run("settings", place.url("127.0.0.1")).first)
        #expect(line.hasPrefix("TLSv1.3 TLS_") && line.hasSuffix(" CN=client"), "\(line)")
    }

    @Test func anAgentShowsEachHostItsOwnIdentity() async throws {
        let place = try await GuidePlace.ready()
        #expect(
            try await place.run("agent", place.url(), place.url("127.0.0.1")) == [
                "200 OK Hello, client", "200 OK Hello, alice",
            ])
    }

    @Test func aPassphraseOpensKeyAndPKCS12() async throws {
        let place = try await GuidePlace.ready()
        #expect(try await place.run("passphrase", place.url()) == ["Hello, alice", "Hello, alice"])
    }

    @Test func aConnectorChoosesTheCertificateByTheHost() async throws {
        let place = try await GuidePlace.ready()
        #expect(
            try await place.run("connector", place.url(), place.url("127.0.0.1")) == ["Hello, client", "Hello, alice"])
    }

    @Test func anIdentityIsLookedUpByTheHost() async throws {
        let place = try await GuidePlace.ready()
        #expect(
            try await place.run("resolving", place.url(), place.url("127.0.0.1")) == ["Hello, client", "Hello, bob"])
    }

    @Test func aDevelopmentAuthorityIsTrustedBesidesTheSystems() async throws {
        let place = try await GuidePlace.ready()
        let lines = try await place.run("authority", place.url())
        #expect(lines.count == 1 && lines[0].hasPrefix("CN="), "\(lines)")
    }

    @Test func verificationEndsOnlyByName() async throws {
        let place = try await GuidePlace.ready()
        #expect(
            try await place.run("unverified", place.lenientURL) == ["tls.issuerUnknown verify", "Who is this, nobody"])
    }

    @Test func theTestKitBringsAuthorityServerAndClients() async throws {
        let place = try await GuidePlace.ready()
        #expect(try await place.run("testing") == ["CN=alice", "tls.clientCertificateRejected"])
    }

    @Test(.enabled(if: GuidePlace.hasTokens, "softhsm2-util is not installed"))
    func aKeyInATokenSignsOnceForBothRequests() async throws {
        let place = try await GuidePlace.ready()
        let environment = try await place.makeToken()
        #expect(
            try await place.run("token", place.url(), environment: environment) == ["Hello, carol 1", "Hello, carol 2"])
    }

    @Test func bodiesFlowBothWays() async throws {
        let place = try await GuidePlace.ready()
        let length = (1...10_000).reduce(0) { $0 + "line \($1)\n".utf8.count }
        #expect(try await place.run("streaming", place.url()) == ["\(length)"])
    }

    @Test func aCertificateOfYesterdayIsToldBeforeItIsShown() async throws {
        let place = try await GuidePlace.ready()
        let lines = try await place.run("refused", place.url())
        #expect(lines.first == "the certificate is not valid today")
        #expect(lines.contains { $0.contains("pki/late.pem") }, "\(lines)")
    }
}

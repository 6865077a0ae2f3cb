import CommandSupport
import DevPKI
import GnuTLS
import MTLSClient
import Testing

/// What `mtls probe` tells of servers that are not ours.
@Suite struct ProbeTests {
    @Test(arguments: [TLSVersion.v1_2, .v1_3])
    func openSSLThatDemandsACertificate(version: TLSVersion) async throws {
        let server = try await OpenSSLServer(version, listsIssuers: true, mode: "-www")
        let directory = try TemporaryDirectory()
        let root = try server.authority.writeRoot(to: directory.path)
        let client = try server.authority.issueClient(commonName: "alice").write(to: directory.path, name: "alice")
        let none = try await MTLSCommand.run(["probe", server.url, "--cacert", root])
        #expect(none.status == (version == .v1_2 ? 35 : 56), "\(none.errors)")
        #expect(none.output.contains("demanded: without one the server ends the connection"), "\(none.output)")
        let alice = try await MTLSCommand.run(
            ["probe", server.url, "--cacert", root, "-E", client.certificate, "--key", client.key])
        #expect(alice.status == 0, "\(alice.errors)")
        #expect(alice.output.contains("would be shown: \"CN=alice\""), "\(alice.output)")
        #expect(alice.output.contains("status 200"))
    }

    @Test(arguments: [("-tls1_2", TLSVersion.v1_2), ("-tls1_3", .v1_3)])
    func openSSLThatGoesOnWithoutACertificate(option: String, version: TLSVersion) async throws {
        let server = try await Party(option, "-verify", "1")
        let report = try await Probe(server.url, trust: server.trust).examine()
        #expect(report.demand == .requested)
        #expect(report.versions.map(\.isSpoken) == [version == .v1_3, version == .v1_2])
        #expect(report.attempt?.status == 200)
    }

    @Test func aServerOfTheOldVersionsOnlyIsTold() async throws {
        let server = try await Party("-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
        let report = try await Probe(server.url, trust: server.trust).examine()
        #expect(report.versions.map(\.isSpoken) == [false, false])
        #expect(report.error?.code == .handshakeFailed)
        #expect(report.notes.contains { $0.remedy?.contains("updated") == true })
    }

    @Test func aStapledResponseIsSeen() async throws {
        let directory = try TemporaryDirectory()
        let made = try await MTLSCommand.run(["pki", "init", "127.0.0.1", "--dir", "\(directory.path)/pki"])
        #expect(made.status == 0)
        let (pki, response) = ("\(directory.path)/pki", "\(directory.path)/response")
        let answered = try await Command(
            Executable.path(of: "openssl"), "ocsp", "-index", "\(pki)/ca.index", "-CA", "\(pki)/ca.pem", "-rsigner",
            "\(pki)/ca.pem", "-rkey", "\(pki)/ca-key.pem", "-issuer", "\(pki)/ca.pem", "-cert", "\(pki)/server.pem",
            "-respout", response, "-ndays", "1"
        ).run()
        #expect(answered.status == 0, "\(answered.errors)")
        let server = try await Party(
            "-status_file", response, certificate: "\(pki)/server.pem", key: "\(pki)/server-key.pem")
        let report = try await Probe(server.url, trust: .pem("\(pki)/ca.pem")).examine()
        #expect(report.versions.map(\.isStapled) == [true, true])
        let plain = try await Party("-no_ticket", certificate: "\(pki)/server.pem", key: "\(pki)/server-key.pem")
        #expect(
            try await Probe(plain.url, trust: .pem("\(pki)/ca.pem")).examine().versions.map(\.isStapled) == [
                false, false,
            ])
    }

    @Test func nginxAsksAndLeavesTheVerdictToTheRequest() async throws {
        let files = try await CommandFiles()
        let outcome = try await MTLSCommand.run(
            ["probe", "--json", files.nginx.url() + "/who", "--cacert", files.root])
        #expect(outcome.status == 0)
        #expect(outcome.output.contains(#""demand":"requested""#), "\(outcome.output)")
        #expect(outcome.output.contains(#""status":400"#))
        #expect(outcome.output.contains("may refuse requests"))
    }

    @Test func aSilentServerIsGivenNoMoreThanMaxTime() async throws {
        let silence = try Silence()
        let start = ContinuousClock.now
        let outcome = try await MTLSCommand.run(
            ["probe", "https://127.0.0.1:\(silence.port)", "--insecure", "-m", "0.2"])
        #expect(outcome.status == 28)
        #expect(outcome.errors.contains("0.2 seconds"), "\(outcome.errors)")
        // Without the limit each of the two handshakes is given ten seconds.
        #expect(.now - start < .seconds(10))
    }

    @Test func aBadServerIsShownAllTheSame() async throws {
        let files = try await CommandFiles()
        let outcome = try await MTLSCommand.run(
            ["probe", files.nginx.url(.expired), "--cacert", files.root, "-E", files.client.certificate, "--key"]
                + [files.client.key])
        #expect(outcome.status == 60)
        #expect(outcome.output.contains("REFUSED") && outcome.output.contains("CN=Interop Root"), "\(outcome.output)")
    }

    @Test func aKeyInATokenSignsOnlyWhenItMay() async throws {
        let files = try await CommandFiles()
        let token = try await CommandToken(files, names: ["bob"])
        let options = [
            "--cacert", files.root, "-E", token.uri + ";object=bob", "--module", CommandToken.module, "--pin-source",
            "\(files.directory.path)/pin",
        ]
        let look = try await MTLSCommand.run(
            ["probe", files.nginx.url() + "/who"] + options, environment: token.environment)
        #expect(look.status == 0, "\(look.errors)")
        #expect(look.output.contains("would be shown: \"CN=bob\"") && look.output.contains("no request was made"))
        let signed = try await MTLSCommand.run(
            ["probe", "--sign", files.nginx.url() + "/who"] + options, environment: token.environment)
        #expect(signed.status == 0, "\(signed.errors)")
        #expect(signed.output.contains("status 200") && signed.output.contains("signature"), "\(signed.output)")
    }
}

/// OpenSSL's `s_server`, by options of one's own.
private final class Party: Sendable {
    private let port: LoopbackPort
    private let process: ServerProcess
    let trust: Trust

    init(_ options: String..., certificate: String? = nil, key: String? = nil) async throws {
        let authority = try await Parties.ready().authority
        let directory = try TemporaryDirectory()
        let issued = try authority.issue(.server(names: ["127.0.0.1"])).write(to: directory.path, name: "server")
        port = try LoopbackPort()
        trust = .certificates([authority.root])
        process = try ServerProcess(
            Executable.path(of: "openssl"),
            ["s_server", "-accept", "127.0.0.1:\(port.number)", "-www"]
                + ["-cert", certificate ?? issued.certificate, "-key", key ?? issued.key] + options, in: directory)
        try await process.waitUntilListening(on: port)
    }

    var url: String { "https://127.0.0.1:\(port.number)" }
}

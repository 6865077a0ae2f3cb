import CommandSupport
import DevPKI
import MTLSClient
import MTLSTestKit
import Testing

/// How `mtls` fails: with curl's exit code, nothing on its standard output, and one line that names what is at fault.
@Suite struct CommandFailureTests {
    private func expect(
        _ outcome: Command.Outcome, _ status: Int32, naming name: String, output: String = "",
        at location: SourceLocation = #_sourceLocation
    ) {
        #expect(outcome.status == status, "\(outcome.errors)", sourceLocation: location)
        #expect(outcome.output == output, sourceLocation: location)
        #expect(outcome.errors.hasPrefix("mtls: "), sourceLocation: location)
        #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)", sourceLocation: location)
        #expect(outcome.errors.contains(name), "\(outcome.errors)", sourceLocation: location)
    }

    // MARK: The identity

    @Test func aMissingCertificateFileIs58() async throws {
        let files = try await CommandFiles()
        let missing = "\(files.directory.path)/missing.pem"
        expect(
            try await MTLSCommand.run(["-sS", "--cert", missing, "--cacert", files.root, files.nginx.url()]), 58,
            naming: missing)
    }

    @Test func aMalformedCertificateIs58() async throws {
        let files = try await CommandFiles()
        let malformed = try files.directory.write(
            "-----BEGIN CERTIFICATE-----\nbm9uc2Vuc2U=\n-----END CERTIFICATE-----\n", to: "malformed.pem")
        expect(
            try await MTLSCommand.run(
                ["-sS", "--cert", malformed, "--key", files.client.key, "--cacert", files.root, files.nginx.url()]),
            58, naming: malformed)
    }

    @Test func aKeyOfAnotherCertificateIs58() async throws {
        let files = try await CommandFiles()
        let other = try files.nginx.authority.issueClient(commonName: "other").write(
            to: files.directory.path, name: "other")
        expect(
            try await MTLSCommand.run(
                ["-sS", "--cert", files.client.certificate, "--key", other.key, "--cacert", files.root]
                    + [files.nginx.url()]), 58, naming: other.key)
    }

    @Test func anUnknownTokenIs58() async throws {
        let files = try await CommandFiles()
        let token = try await CommandToken(files, names: [])
        let options = token.options().map { $0 == token.uri ? "pkcs11:token=no-such-token;object=client" : $0 }
        expect(
            try await MTLSCommand.run(options + [files.nginx.url()], environment: token.environment), 58,
            naming: "no-such-token")
    }

    @Test func anAmbiguousURIIs58() async throws {
        let files = try await CommandFiles()
        let token = try await CommandToken(files, names: ["first", "second"])
        let outcome = try await MTLSCommand.run(
            token.options() + [files.nginx.url()], environment: token.environment)
        expect(outcome, 58, naming: token.label)
        #expect(outcome.errors.contains("first") && outcome.errors.contains("second"))
    }

    @Test func aMissingModuleIs58() async throws {
        let files = try await CommandFiles()
        let token = try await CommandToken(files, names: ["bob"])
        let module = "/nonexistent/module.so"
        expect(
            try await MTLSCommand.run(
                token.options(object: "bob", module: module) + [files.nginx.url()], environment: token.environment), 58,
            naming: module)
    }

    @Test(arguments: [[], ["-v"]])
    func aWrongPINIs58AndIsNotShown(options: [String]) async throws {
        let files = try await CommandFiles()
        let token = try await CommandToken(files, names: ["bob"])
        let wrong = try files.directory.write("tr0ubadour&3\n", to: "wrong-pin")
        let outcome = try await MTLSCommand.run(
            token.options(object: "bob", pin: ["--pin-source", wrong]) + options + [files.nginx.url()],
            environment: token.environment)
        if options.isEmpty { expect(outcome, 58, naming: token.label) }
        #expect(outcome.status == 58)
        #expect(!outcome.errors.contains("tr0ubadour"))
        #expect(outcome.output == "")
    }

    @Test func aMissingPINFileIs58() async throws {
        let files = try await CommandFiles()
        let token = try await CommandToken(files, names: ["bob"])
        let missing = "\(files.directory.path)/no-pin"
        expect(
            try await MTLSCommand.run(
                token.options(object: "bob", pin: ["--pin-source", missing]) + [files.nginx.url()],
                environment: token.environment), 58, naming: missing)
    }

    // MARK: The server and its certificate

    @Test func aPortWithoutAServerIs7() async throws {
        let files = try await CommandFiles()
        let port = try LoopbackPort()
        expect(
            try await MTLSCommand.run(files.options + ["https://127.0.0.1:\(port.number)/"]), 7,
            naming: "127.0.0.1:\(port.number)")
    }

    @Test func anUnknownHostIs6() async throws {
        let files = try await CommandFiles()
        expect(
            try await MTLSCommand.run(files.options + ["https://no-such-host.invalid/"]), 6,
            naming: "no-such-host.invalid")
    }

    @Test(arguments: [Nginx.Site.expired, .wrongName, .untrusted])
    func aBadServerCertificateIs60(site: Nginx.Site) async throws {
        let files = try await CommandFiles()
        expect(
            try await MTLSCommand.run(files.options + [files.nginx.url(site)]), 60, naming: files.nginx.url(site))
    }

    @Test func aMissingFileOfTrustAnchorsIs77() async throws {
        let files = try await CommandFiles()
        let missing = "\(files.directory.path)/no-ca.pem"
        expect(
            try await MTLSCommand.run(["-sS", "--cacert", missing, files.nginx.url()]), 77, naming: missing)
    }

    @Test func anIdentityThatTheServerRejectsIsNamed() async throws {
        let server = try await OpenSSLServer(.v1_3, listsIssuers: false, mode: "-www")
        let directory = try TemporaryDirectory()
        let root = try server.authority.writeRoot(to: directory.path)
        let files = try Parties.stranger().write(to: directory.path, name: "mallory")
        expect(
            try await MTLSCommand.run(
                ["-sS", "--cacert", root, "--cert", files.certificate, "--key", files.key, server.url]), 56,
            naming: "CN=mallory")
    }

    // MARK: The request and the response

    @Test func aMissingURLIs2() async throws {
        let outcome = try await MTLSCommand.run([])
        #expect(outcome.status == 2)
        #expect(outcome.output == "")
        #expect(!outcome.errors.isEmpty)
    }

    @Test func anUnknownOptionIs2() async throws {
        let outcome = try await MTLSCommand.run(["--no-such-option", "https://127.0.0.1/"])
        #expect(outcome.status == 2)
        #expect(outcome.errors.contains("--no-such-option"))
    }

    @Test func aMalformedURLIs3() async throws {
        expect(try await MTLSCommand.run(["-sS", "https://[::1/"]), 3, naming: "https://[::1/")
    }

    @Test func aServerThatDoesNotAnswerIs28() async throws {
        let files = try await CommandFiles()
        let server = try await files.server { _ in .nothing(then: .keepAlive) }
        expect(try await MTLSCommand.run(files.options + ["-m", "0.3", server.url]), 28, naming: server.url)
    }

    @Test(arguments: [
        // What came before the cut is written: only the end tells.
        ("HTTP/1.1 200 OK\r\n\r\npart", ServerAnswer.Ending.cut, Int32(18), "part"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\npart", .close, 18, "part"),
        ("", .close, 52, ""),
        ("SMTP ready\r\n\r\n", .close, 8, ""),
    ])
    func aResponseThatIsNoneOrNotWholeIsAFailure(
        raw: String, ending: ServerAnswer.Ending, status: Int32, output: String
    ) async throws {
        let files = try await CommandFiles()
        let server = try await files.server { _ in .raw(raw, then: ending) }
        let outcome = try await MTLSCommand.run(files.options + [server.url])
        expect(outcome, status, naming: "127.0.0.1", output: output)
    }
}

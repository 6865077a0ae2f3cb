import CommandSupport
import DevPKI
import GnuTLS
import MTLSClient
import MTLSTestKit
import Testing

/// What `mtls pki` makes, judged by others.
@Suite struct PkiCommandTests {
    /// A directory for one test.
    private final class Place: Sendable {
        let directory: TemporaryDirectory
        var pki: String { "\(directory.path)/pki" }

        init() throws {
            directory = try TemporaryDirectory()
            try directory.write("correct horse\n", to: "pass")
        }

        /// Runs `mtls pki`, which has to succeed.
        @discardableResult
        func pki(
            _ arguments: String..., environment: [String: String] = [:], at location: SourceLocation = #_sourceLocation
        ) async throws -> String {
            let outcome = try await MTLSCommand.run(
                ["pki"] + arguments + ["--dir", pki], environment: environment)
            #expect(outcome.status == 0, "\(outcome.errors)", sourceLocation: location)
            return outcome.output
        }

        func openssl(_ arguments: String...) async throws -> Command.Outcome {
            try await Command(Executable.path(of: "openssl"), arguments).run()
        }

        /// Whether OpenSSL accepts `name` under the root `ca`.
        func verifies(_ name: String, _ options: String...) async throws -> Bool {
            var command = Command(try Executable.path(of: "openssl"), ["verify", "-x509_strict"])
            command.arguments += ["-CAfile", "\(pki)/ca.pem", "-untrusted", "\(pki)/\(name).pem"]
            command.arguments += options + ["\(pki)/\(name).pem"]
            return try await command.run().status == 0
        }
    }

    @Test(arguments: ["p256", "p384", "p521", "rsa2048", "ed25519", "ed448"])
    func openSSLAcceptsWhatIsMade(type: String) async throws {
        let place = try Place()
        try await place.pki("ca", "--name", "Root \(type)", "--key-type", type)
        try await place.pki("intermediate", "--key-type", type, "--path-length", "0")
        try await place.pki("server", "*.api.test", "10.0.0.1", "--ip", "::1", "--file", "server", "--key-type", type)
        try await place.pki("client", "alice", "--email", "a@b.test", "--ca", "intermediate", "--key-type", type)
        #expect(try await place.verifies("server", "-purpose", "sslserver", "-verify_hostname", "x.api.test"))
        #expect(try await place.verifies("server", "-purpose", "sslserver", "-verify_ip", "::1"))
        #expect(try await !place.verifies("server", "-verify_hostname", "x.y.api.test"))
        #expect(try await !place.verifies("server", "-purpose", "sslclient"))
        #expect(try await place.verifies("alice", "-purpose", "sslclient", "-verify_email", "a@b.test"))
        #expect(try await !place.verifies("alice", "-purpose", "sslserver"))
    }

    @Test func anExpiredOneAndOneOfTheFutureAreRefused() async throws {
        let place = try Place()
        try await place.pki("init")
        try await place.pki("client", "late", "--expired")
        try await place.pki("client", "early", "--not-yet-valid")
        try await place.pki("client", "wrong", "--purpose", "server")
        #expect(try await place.verifies("client"))
        #expect(try await !place.verifies("late"))
        #expect(try await !place.verifies("early"))
        #expect(try await !place.verifies("wrong", "-purpose", "sslclient"))
    }

    @Test func aRevokedOneIsRefusedByItsList() async throws {
        let place = try Place()
        try await place.pki("init")
        try await place.pki("client", "mallory")
        try await place.pki("revoke", "mallory")
        let list = ["-crl_check", "-CRLfile", "\(place.pki)/ca-crl.pem"]
        #expect(try await place.verifies("mallory"))
        #expect(try await !place.verifies("mallory", list[0], list[1], list[2]))
        #expect(try await place.verifies("client", list[0], list[1], list[2]))
        #expect(
            try await place.pki("list").split(separator: "\n").contains {
                $0.contains("revoked") && $0.contains("mallory")
            })
    }

    @Test func openSSLAnswersByOCSPOutOfTheIndex() async throws {
        let place = try Place()
        try await place.pki("init")
        for _ in 1...2 { try await place.pki("client", "mallory", "--force") }
        try await place.pki("revoke", "mallory")
        for (name, answer) in [("mallory", "revoked"), ("client", "good")] {
            let (request, response) = ("\(place.pki)/\(name).req", "\(place.pki)/\(name).resp")
            let root = "\(place.pki)/ca.pem"
            _ = try await place.openssl(
                "ocsp", "-issuer", root, "-cert", "\(place.pki)/\(name).pem", "-reqout", request, "-no_nonce")
            _ = try await place.openssl(
                "ocsp", "-index", "\(place.pki)/ca.index", "-CA", root, "-rsigner", root, "-rkey",
                "\(place.pki)/ca-key.pem", "-reqin", request, "-respout", response, "-ndays", "1")
            let outcome = try await place.openssl(
                "ocsp", "-respin", response, "-issuer", root, "-cert", "\(place.pki)/\(name).pem", "-CAfile", root)
            #expect(outcome.output.contains("\(name).pem: \(answer)"), "\(outcome.output) \(outcome.errors)")
        }
    }

    @Test func thePassphraseOpensKeyAndContainer() async throws {
        let place = try Place()
        let pass = "\(place.directory.path)/pass"
        try await place.pki("ca")
        try await place.pki("client", "alice", "--pass-source", pass, "--p12", "--key-type", "rsa2048")
        let key = try await place.openssl(
            "pkey", "-in", "\(place.pki)/alice-key.pem", "-passin", "file:\(pass)", "-pubout")
        let certified = try await place.openssl("x509", "-in", "\(place.pki)/alice.pem", "-noout", "-pubkey")
        #expect(key.status == 0 && key.output == certified.output)
        #expect(place.directory.text(of: "pki/alice-key.pem").hasPrefix("-----BEGIN ENCRYPTED PRIVATE KEY-----"))
        let container = try await place.openssl(
            "pkcs12", "-in", "\(place.pki)/alice.p12", "-passin", "file:\(pass)", "-nodes")
        #expect(container.status == 0)
        let pem = Array(container.output.utf8)
        #expect(
            try PrivateKey.read(pem).publicKey == Certificate.chain(pem: pem).first?.publicKey)
        let wrong = try await place.openssl(
            "pkcs12", "-in", "\(place.pki)/alice.p12", "-passin", "pass:wrong", "-nodes")
        #expect(wrong.status != 0)
    }

    @Test func theTrialSetServesARequest() async throws {
        let place = try Place()
        let pass = "\(place.directory.path)/pass"
        try await place.pki("init", "127.0.0.1", "--client", "tester", "--pass-source", pass)
        let port = try LoopbackPort()
        let root = "\(place.pki)/ca.pem"
        let server = try ServerProcess(
            Executable.path(of: "openssl"),
            [
                "s_server", "-accept", "127.0.0.1:\(port.number)", "-www", "-cert", "\(place.pki)/server.pem", "-key",
                "\(place.pki)/server-key.pem", "-CAfile", root, "-Verify", "1", "-verify_return_error",
            ], in: try TemporaryDirectory())
        try await server.waitUntilListening(on: port)
        let outcome = try await MTLSCommand.run([
            "-sS", "https://127.0.0.1:\(port.number)/", "--cacert", root, "-E", "\(place.pki)/client.pem", "--key",
            "\(place.pki)/client-key.pem", "--pass-source", pass,
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("tester"))
    }

    @Test func aClientsKeyIsMadeInItsToken() async throws {
        let files = try await CommandFiles()
        let token = try await CommandToken(files, names: [])
        let place = try Place()
        try await place.pki("init", "127.0.0.1")
        try await place.pki("intermediate")
        let pin = "\(files.directory.path)/pin"
        try await place.pki(
            "client", "carol", "--ca", "intermediate", "--token", token.uri, "--module", CommandToken.module,
            "--pin-source", pin, environment: token.environment)
        #expect(try await place.verifies("carol", "-purpose", "sslclient"))
        #expect(place.directory.bytes(of: "pki/carol-key.pem").isEmpty)

        let root = try Certificate.chain(pem: place.directory.bytes(of: "pki/ca.pem"))
        let server = try await MTLSServer(
            identity: files.nginx.authority.issue(.server(names: ["127.0.0.1"])), clients: .required, trusting: root
        ) { .response(body: $0.client.certificate?.subject ?? "nobody") }
        let outcome = try await MTLSCommand.run(
            token.options(object: "carol") + [server.url], environment: token.environment)
        #expect(outcome.output == "CN=carol", "\(outcome.errors)")
    }

    @Test func aRequestOfAnotherProgramIsSigned() async throws {
        let place = try Place()
        try await place.pki("ca")
        let request = "\(place.directory.path)/dave.csr"
        _ = try await place.openssl(
            "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", "\(place.pki)/dave-key.pem", "-subj",
            "/O=Example, Inc/CN=dave", "-addext", "subjectAltName=DNS:dave.test,IP:10.0.0.1,email:d@e.test", "-addext",
            "basicConstraints=critical,CA:TRUE", "-out", request)
        try await place.pki("sign", request)
        let made = try #require(
            try Certificate.chain(pem: place.directory.bytes(of: "pki/dave.pem")).first)
        #expect(made.subject == #"CN=dave,O=Example\, Inc"#)
        #expect(made.dnsNames == ["dave.test"] && made.ipAddresses == ["10.0.0.1"])
        #expect(made.emailAddresses == ["d@e.test"])
        // An authority is what the request wants to be.
        #expect(!made.isCA && made.extendedKeyUsages == [KeyPurpose.clientAuth])
        #expect(try await place.verifies("dave", "-purpose", "sslclient"))
    }

    @Test func nothingIsOverwrittenUnlessForced() async throws {
        let place = try Place()
        try await place.pki("init")
        let before = place.directory.bytes(of: "pki/client.pem")
        let refused = try await MTLSCommand.run(["pki", "client", "client", "--dir", place.pki])
        #expect(refused.status == 23)
        #expect(refused.errors.contains("client.pem") && refused.errors.contains("--force"))
        #expect(place.directory.bytes(of: "pki/client.pem") == before)
        try await place.pki("client", "client", "--force")
        #expect(place.directory.bytes(of: "pki/client.pem") != before)
        let authority = try await MTLSCommand.run(["pki", "client", "ca", "--force", "--dir", place.pki])
        #expect(authority.status == 23)
    }

    @Test func whatIsMissingIsNamed() async throws {
        let place = try Place()
        let nobody = try await MTLSCommand.run(["pki", "client", "alice", "--dir", place.pki])
        #expect(nobody.status == 58 && nobody.errors.contains("mtls pki ca"))
        try await place.pki("ca")
        let unknown = try await MTLSCommand.run(["pki", "revoke", "4711", "--dir", place.pki])
        #expect(unknown.status == 58 && unknown.errors.contains("4711"))
        let wrong = try await MTLSCommand.run(["pki", "client", "alice", "--subject", "alice", "--dir", place.pki])
        #expect(wrong.status == 2 && wrong.errors.contains("RFC 4514"), "\(wrong.errors)")
        let long = try await MTLSCommand.run(
            ["pki", "client", String(repeating: "a", count: 65), "--dir", place.pki])
        #expect(long.status == 2 && long.errors.contains("64 characters"), "\(long.errors)")
    }

    @Test func whatWasMadeIsShown() async throws {
        let place = try Place()
        try await place.pki("init")
        let outcome = try await MTLSCommand.run(
            ["pki", "show", "--json"] + ["ca", "client-key", "server"].map { "\(place.pki)/\($0).pem" })
        #expect(outcome.output.contains(#""subject":"CN=localhost""#))
        #expect(outcome.output.contains(#""names":["dns:localhost","ip:127.0.0.1","ip:::1"]"#))
        let key = try await place.openssl("x509", "-in", "\(place.pki)/server.pem", "-noout", "-pubkey")
        try place.directory.write(key.output, to: "key.pem")
        let der = "\(place.directory.path)/key.der"
        _ = try await place.openssl(
            "pkey", "-pubin", "-in", "\(place.directory.path)/key.pem", "-outform", "der", "-out", der)
        _ = try await place.openssl("dgst", "-sha256", "-binary", "-out", "\(der).hash", der)
        let pin = try await place.openssl("base64", "-in", "\(der).hash").output.dropLast()
        #expect(outcome.output.contains("sha256//\(pin)\""))
        let secret = place.directory.text(of: "pki/client-key.pem").split(separator: "\n")[1]
        #expect(!outcome.output.contains(secret))
    }
}

import CommandSupport
import Glibc
import MTLSClient
import MTLSTestKit
import Testing

/// What `mtls` prints.
@Suite struct CommandTests {
    @Test func twoURLsUseOneConnectionWithAKeyInAToken() async throws {
        let files = try await CommandFiles()
        let token = try await CommandToken(files, names: ["bob"])
        let url = files.nginx.url() + "/who"
        let outcome = try await MTLSCommand.run(
            token.options(object: "bob") + [url, url], environment: token.environment)
        #expect(outcome.errors == "")
        #expect(outcome.output == "SUCCESS CN=bob TLSv1.3 1\nSUCCESS CN=bob TLSv1.3 2\n")
        #expect(outcome.status == 0)
    }

    @Test func twoURLsUseOneConnectionWithAKeyInAFile() async throws {
        let files = try await CommandFiles()
        let url = files.nginx.url() + "/who"
        let outcome = try await MTLSCommand.run(files.options + ["--tls-max", "1.2", url, url])
        #expect(outcome.errors == "")
        #expect(outcome.output == "SUCCESS CN=alice TLSv1.2 1\nSUCCESS CN=alice TLSv1.2 2\n")
        #expect(outcome.status == 0)
    }

    @Test func PKCS12IsToldByItsContents() async throws {
        let files = try await CommandFiles()
        let path = "\(files.directory.path)/client.p12"
        let made = try await Command(
            try Executable.path(of: "openssl"),
            [
                "pkcs12", "-export", "-in", files.client.certificate, "-inkey", files.client.key, "-out", path,
                "-passout", "pass:hunter2",
            ]
        ).run()
        try #require(made.status == 0, "\(made.errors)")
        for type in [[], ["--cert-type", "P12"]] {
            let outcome = try await MTLSCommand.run(
                ["-sS", "--cacert", files.root, "-E", path, "--pass-env", "THE_PASSPHRASE"] + type
                    + [files.nginx.url() + "/who"], environment: ["THE_PASSPHRASE": "hunter2"])
            #expect(outcome.errors == "")
            #expect(outcome.output == "SUCCESS CN=alice TLSv1.3 1\n")
        }
        let wrong = try await MTLSCommand.run(
            ["-sS", "--cacert", files.root, "-E", path, "--pass-env", "THE_PASSPHRASE", files.nginx.url()],
            environment: ["THE_PASSPHRASE": "wrong1"])
        #expect(wrong.status == 58)
        #expect(wrong.errors.contains(path) && !wrong.errors.contains("wrong1"))
    }

    @Test func aKeyThatOthersReadIsWarnedOfOnce() async throws {
        let files = try await CommandFiles()
        chmod(files.client.key, 0o644)
        let url = files.nginx.url() + "/who"
        let options = Array(files.options.dropFirst()) + ["-H", "Connection: close", url, url]
        let outcome = try await MTLSCommand.run(options)
        #expect(outcome.status == 0)
        #expect(
            outcome.errors
                == "mtls: warning: the key file \"\(files.client.key)\" may be read by others than its owner (mode 644)\n"
        )
        #expect(try await MTLSCommand.run(["-s"] + options).errors == "")
    }

    @Test func aURIThatNamesTheTokenAloneWillDoAndThePINMayBeInAVariable() async throws {
        let files = try await CommandFiles()
        let token = try await CommandToken(files, names: ["bob"])
        let pin = files.directory.text(of: "pin").dropLast()
        let outcome = try await MTLSCommand.run(
            token.options(pin: ["--pin-env", "THE_PIN"]) + [files.nginx.url() + "/who"],
            environment: token.environment.merging(["THE_PIN": String(pin)]) { $1 })
        #expect(outcome.output == "SUCCESS CN=bob TLSv1.3 1\n")
    }

    @Test func aBodyGoesToAFile() async throws {
        let files = try await CommandFiles()
        let outcome = try await MTLSCommand.run(
            files.options + ["-o", "\(files.directory.path)/body", "-w", "%{http_code} %{size_download}\\n"]
                + [files.nginx.url() + "/large"])
        #expect(outcome.errors == "")
        #expect(outcome.output == "200 \(files.nginx.large.count)\n")
        #expect(files.directory.bytes(of: "body") == files.nginx.large)
    }

    @Test func aLargeBodyGoesToAPipe() async throws {
        let files = try await CommandFiles()
        let outcome = try await MTLSCommand.run(files.options + [files.nginx.url() + "/large"])
        #expect(outcome.outputBytes == files.nginx.large)
        #expect(outcome.status == 0)
    }

    @Test func theHeadIsShownBeforeTheBody() async throws {
        let files = try await CommandFiles()
        let outcome = try await MTLSCommand.run(files.options + ["-i", files.nginx.url() + "/who"])
        let lines = outcome.output.split(separator: "\r\n", omittingEmptySubsequences: false)
        #expect(lines.first == "HTTP/1.1 200 OK")
        #expect(lines.contains("Content-Type: text/plain"))
        #expect(lines.suffix(2) == ["", "SUCCESS CN=alice TLSv1.3 1\n"])
    }

    @Test func theHeadAloneIsAskedFor() async throws {
        let files = try await CommandFiles()
        let outcome = try await MTLSCommand.run(files.options + ["-I", files.nginx.url() + "/large"])
        #expect(outcome.output.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(outcome.output.contains("\r\nContent-Length: \(files.nginx.large.count)\r\n"))
        #expect(outcome.output.hasSuffix("\r\n\r\n"))
    }

    @Test(arguments: [
        (["-d", "a=1", "-d", "b=2"], "POST application/x-www-form-urlencoded a=1&b=2"),
        (["-XPOST"], "POST - "),
        (["-XPUT", "--data-binary", "@-", "-H", "Content-Type: text/plain"], "PUT text/plain of\nlines\n"),
    ])
    func aRequestIsMadeByTheOptions(options: [String], seen: String) async throws {
        let files = try await CommandFiles()
        let server = try await files.server { request in
            let type = request.headerFields[.contentType] ?? "-"
            return .response(body: "\(request.method.rawValue) \(type) \(request.body.text)")
        }
        let outcome = try await MTLSCommand.run(files.options + options + [server.url], input: "of\nlines\n")
        #expect(outcome.errors == "")
        #expect(outcome.output == seen)
    }

    @Test func anErrorStatusIsNoFailureUnlessAskedFor() async throws {
        let files = try await CommandFiles()
        let url = files.nginx.url() + "/missing"
        let plain = try await MTLSCommand.run(files.options + ["-w", "%{http_code}", "-o", "/dev/null", url])
        #expect((plain.status, plain.output) == (0, "404"))
        let strict = try await MTLSCommand.run(files.options + ["-f", url])
        #expect((strict.status, strict.output) == (22, ""))
    }
}

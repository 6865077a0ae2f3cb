import CommandSupport
import CompressionSupport
import MTLSClient
import MTLSTestKit
import Synchronization
import Testing

/// What `mtls` does about redirects, failures that pass, and compression.
@Suite struct CommandFollowTests {
    private func server(_ files: CommandFiles) async throws -> MTLSServer {
        let count = Mutex(0)
        return try await files.server { request in
            switch request.path {
            case "/moved": return .response(.found, headerFields: [.location: "/end"], body: "moved")
            case "/circle": return .response(.found, headerFields: [.location: "/circle"])
            case "/plain": return .response(.found, headerFields: [.location: "http://127.0.0.1/"])
            case "/busy":
                let number = count.withLock {
                    $0 += 1
                    return $0
                }
                return number < 3 ? .response(.serviceUnavailable, body: "busy") : .response(body: "done\n")
            case "/gzip":
                return .response(headerFields: [.contentEncoding: "gzip"], bytes: Compression.gzip.of("text\n"))
            case "/damaged":
                return .response(headerFields: [.contentEncoding: "gzip"], bytes: Array("no gzip".utf8))
            default:
                return .response(
                    body: "\(request.method.rawValue) \(request.client.certificate?.subject ?? "nobody")\n")
            }
        }
    }

    @Test func redirectsAreFollowedWhenAsked() async throws {
        let files = try await CommandFiles()
        let server = try await server(files)
        let format = ["-w", "%{http_code} %{num_redirects} %{url_effective} %{num_connects}\\n"]
        let plain = try await MTLSCommand.run(files.options + format + [server.url + "/moved"])
        #expect(plain.output == "moved302 0 \(server.url)/moved 1\n")
        let outcome = try await MTLSCommand.run(files.options + format + ["-L", server.url + "/moved"])
        #expect(outcome.errors == "")
        #expect(outcome.output == "GET CN=alice\n200 1 \(server.url)/end 1\n")
        let heads = try await MTLSCommand.run(files.options + ["-LI", server.url + "/moved"])
        #expect(heads.output.hasPrefix("HTTP/1.1 302 Found\r\n"))
        #expect(heads.output.contains("\r\n\r\nHTTP/1.1 200 OK\r\n"))
    }

    @Test(arguments: [("/circle", 47), ("/plain", 1)])
    func redirectsThatLeadNowhereHaveCurlsExitCodes(_ path: String, _ status: Int32) async throws {
        let files = try await CommandFiles()
        let server = try await server(files)
        let outcome = try await MTLSCommand.run(files.options + ["-L", server.url + path])
        #expect(outcome.status == status)
        #expect(outcome.errors.contains("redirect"))
        #expect(server.requests.count == 1)
    }

    @Test func theClientCertificateIsForTheHostOfTheURL() async throws {
        let files = try await CommandFiles()
        let target = try await server(files)
        let source = try await files.server { _ in
            .response(.found, headerFields: [.location: target.url + "/end"])
        }
        let outcome = try await MTLSCommand.run(files.options + ["-L", source.url])
        #expect(outcome.status == 58)
        #expect(outcome.errors.contains("only a redirect has named"))
        #expect(target.requests.isEmpty)
        await source.shutdown()
    }

    @Test func aFailureThatPassesIsWaitedOut() async throws {
        let files = try await CommandFiles()
        let server = try await server(files)
        let outcome = try await MTLSCommand.run(
            files.options.filter { $0 != "-sS" } + ["--retry", "3", "--retry-delay", "0.01", server.url + "/busy"])
        #expect(outcome.output == "done\n")
        #expect(outcome.errors.contains("status 503; trying again in 10 ms, 3 left"))
        #expect(server.connectionCount == 1)
    }

    @Test func aCompressedAnswerIsDecompressedWhenAsked() async throws {
        let files = try await CommandFiles()
        let server = try await server(files)
        let outcome = try await MTLSCommand.run(files.options + ["--compressed", server.url + "/gzip"])
        #expect(outcome.output == "text\n")
        let damaged = try await MTLSCommand.run(files.options + ["--compressed", server.url + "/damaged"])
        #expect(damaged.status == 61)
    }
}

import CommandSupport
import MTLSClient
import MTLSTestKit
import Testing

/// What `mtls bench` counts.
@Suite struct BenchCommandTests {
    /// Runs it for JSON, and checks that nothing failed.
    private func counts(_ files: CommandFiles, _ arguments: [String], identity: [String]? = nil) async throws -> Counts
    {
        let outcome = try await MTLSCommand.run(
            ["bench", "--json", "--cacert", files.root] + (identity ?? Self.identity(files)) + arguments)
        #expect(outcome.status == 0, "\(outcome.errors)")
        return Counts(outcome.output)
    }

    private static func identity(_ files: CommandFiles) -> [String] {
        ["--cert", files.client.certificate, "--key", files.client.key]
    }

    /// The numbers of the report.
    private struct Counts {
        let text: String
        init(_ text: String) { self.text = text }

        subscript(name: String) -> Double? {
            let parts = text.split(separator: "\"\(name)\":", maxSplits: 1)
            return parts.count == 2 ? Double(parts[1].prefix { !",}".contains($0) }) : nil
        }
    }

    @Test(arguments: ["loop", "global"])
    func keptConnectionsAreMadeBeforeTheClockStarts(executor: String) async throws {
        let files = try await CommandFiles()
        let counts = try await counts(
            files,
            ["--requests", "50", "--concurrency", "4", "--executor", executor, files.nginx.url() + "/text"])
        #expect(counts["requests"] == 50 && counts["errors"] == 0)
        #expect(counts["handshakes_full"] == 0 && counts["signatures"] == 0)
        #expect(counts["bytes"] == 1200)
        #expect(counts.text.contains(#""statuses":{"200":50}"#), "\(counts.text)")
        for name in ["wall_s", "rate", "p50_us", "p90_us", "p99_us", "max_us", "rss_kb"] {
            #expect(counts[name] ?? 0 > 0, "\(name)")
        }
    }

    @Test func newConnectionsAreCountedWithTheirHandshakes() async throws {
        let files = try await CommandFiles()
        let load = ["--requests", "10", "--concurrency", "2", "--new-connections", files.nginx.url() + "/text"]
        let full = try await counts(files, load + ["--no-resumption"])
        #expect(full["handshakes_full"] == 10 && full["handshakes_resumed"] == 0 && full["signatures"] == 10)
        let resumed = try await counts(files, load)
        let (first, later) = (resumed["handshakes_full"] ?? 0, resumed["handshakes_resumed"] ?? 0)
        #expect(first + later == 10 && first <= 2, "\(resumed.text)")
    }

    @Test func aKeyInATokenSigns() async throws {
        let files = try await CommandFiles()
        let token = try await CommandToken(files, names: ["bob"])
        let outcome = try await MTLSCommand.run(
            ["bench", "--json", "--requests", "3", "--new-connections", "--no-resumption"]
                + token.options(object: "bob").filter { $0 != "-sS" } + [files.nginx.url() + "/who"],
            environment: token.environment)
        #expect(Counts(outcome.output)["signatures"] == 3, "\(outcome.errors)")
    }

    @Test func aBodyIsSentWithEachRequest() async throws {
        let files = try await CommandFiles()
        let server = try await files.server { request in .response(body: "\(request.body.count)") }
        let size = 600_000
        let counts = try await counts(
            files, ["--requests", "3", "--data-size", "\(size)", "https://127.0.0.1:\(server.port)/"])
        #expect(counts["requests"] == 3 && counts["bytes"] == 18)
    }

    @Test func idleConnectionsServedARequestEach() async throws {
        let files = try await CommandFiles()
        let server = try await files.server { _ in .response(body: "held") }
        let counts = try await counts(
            files,
            [
                "--idle-connections", "20", "--concurrency", "4", "--hold", "0.1", "--no-resumption",
                "https://127.0.0.1:\(server.port)/",
            ])
        #expect(counts["requests"] == 20 && counts["handshakes_full"] == 20)
        #expect(counts["rss_kb"] ?? 0 >= counts["rss_base_kb"] ?? .infinity)
    }

    @Test func aServerThatCannotBeReachedIsAnErrorAndNoReport() async throws {
        let files = try await CommandFiles()
        let outcome = try await MTLSCommand.run(
            ["bench", "--requests", "5", "--cacert", files.root, files.nginx.url(.untrusted)])
        #expect(outcome.status == 60 && outcome.output == "")
        #expect(outcome.errors.contains("mtls: (60)"))
    }

    @Test func failuresOnTheWayAreCounted() async throws {
        let files = try await CommandFiles()
        let outcome = try await MTLSCommand.run(
            ["bench", "--requests", "4", "--new-connections", "--cacert", files.root, files.nginx.url(.expired)])
        #expect(outcome.status == 60)
        #expect(outcome.output.contains("errors      4, the first: "), "\(outcome.output)")
    }

    @Test func interruptedItTellsOfWhatThereWas() async throws {
        let files = try await CommandFiles()
        let mark = "\(files.directory.path)/begun"
        let server = try await files.server { request in
            if request.number == 3 { _ = try? files.directory.write("", to: "begun") }
            return .response(body: "x")
        }
        // Jobs of their own group do not ignore SIGINT.
        let script = #"set -m; "$@" & until [ -e "$0" ]; do sleep 0.05; done; kill -INT $!; wait $!"#
        let outcome = try await Command(
            Executable.path(of: "bash"),
            ["-c", script, mark, "\(MTLSCommand.directory)/mtls", "bench", "--duration", "100", "--cacert", files.root]
                + Self.identity(files) + [server.url + "/"]
        ).run()
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("x 200"), "\(outcome.output)")
    }
}

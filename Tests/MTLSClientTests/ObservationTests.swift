import DevPKI
import GnuTLSNIO
import Logging
import MTLSClient
import MTLSTestKit
import Synchronization
import Testing

/// Writes down what it is told.
private final class Notebook: ClientObserver {
    private let pages = Mutex<[String]>([])
    var lines: [String] { pages.withLock { $0 } }

    private func note(_ text: String) { pages.withLock { $0.append(text) } }

    func connecting(_ connection: ConnectionName) { note("connecting \(connection.id)") }

    func connectFailed(_ connection: ConnectionName, error: MTLSError, after: Duration) {
        note("failed \(connection.id) \(error.code)")
    }

    func connected(_ connection: ConnectionName, handshake: HandshakeSummary?, after: Duration) {
        let handshake = handshake.map { $0.isResumed ? " resumed" : " full" } ?? ""
        note("connected \(connection.id)\(handshake)")
    }

    func closed(_ connection: ConnectionName, reason: ConnectionEnd, error: MTLSError?) {
        note("closed \(connection.id) \(reason)\(error.map { " \($0.code)" } ?? "")")
    }

    func retried(_ request: RequestName, error: MTLSError) { note("retried \(request.id) \(error.code)") }

    func ended(_ request: RequestName, status: Int?, error: MTLSError?, after: Duration) {
        let outcome = [status.map { "\($0)" }, error.map { "\($0.code)" }].compactMap(\.self).joined(separator: " ")
        note("ended \(request.id) \(request.method) \(request.path) \(outcome)")
    }
}

@Suite struct ObservationTests {
    private let notebook = Notebook()

    private var settings: ClientSettings {
        var settings = ClientSettings()
        settings.observer = notebook
        return settings
    }

    @Test func aRequestIsToldFromItsConnectionToItsEnd() async throws {
        let world = try World()
        let server = try await world.server(.ignored)
        let client = try Client(server.url, trust: world.trust, settings: settings)
        _ = try await client.get("/orders?key=secret").body.collect(upTo: .kibibytes(1))
        await client.shutdown()
        #expect(
            notebook.lines == ["connecting 1", "connected 1 full", "ended 1 GET /orders 200", "closed 1 shutdown"])
    }

    @Test func aConnectionThatIsNotMadeIsToldWithItsError() async throws {
        let world = try World()
        let server = try await world.server(.ignored)
        let client = try Client(
            server.url, trust: .certificates([try World().authority.root]), settings: settings)
        _ = try? await client.get()
        await client.shutdown()
        #expect(
            notebook.lines == ["connecting 1", "failed 1 tls.issuerUnknown", "ended 1 GET / tls.issuerUnknown"])
    }

    @Test func aStaleConnectionIsToldAsARetry() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { request in
            request.connection == 1 && request.number == 2 ? .nothing(then: .close) : .response()
        }
        let client = try Client(
            server.url, trust: world.trust, tls: TLSSettings(resumption: .off), settings: settings)
        _ = try await client.get()
        #expect(try await client.get().status == .ok)
        let statistics = await client.statistics
        await client.shutdown()
        #expect(
            notebook.lines == [
                "connecting 1", "connected 1 full", "ended 1 GET / 200", "closed 1 failed response.empty",
                "retried 2 response.empty", "connecting 2", "connected 2 full", "ended 2 GET / 200",
                "closed 2 shutdown",
            ])
        #expect(statistics.retries == 1)
        #expect(statistics.requests == 2)
        #expect(statistics.failedRequests == 0)
    }

    @Test(arguments: [
        ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", "closed 1 notReusable", "200"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "closed 1 failed response.truncated",
            "200 response.truncated"
        ),
        ("gibberish\r\n\r\n", "closed 1 failed response.malformed", "response.malformed"),
    ])
    func theReasonOfAnEndIsTold(_ answer: String, _ end: String, _ outcome: String) async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in .raw(answer, then: .close) }
        let client = try Client(server.url, trust: world.trust, settings: settings)
        _ = try? await client.get().body.collect(upTo: .kibibytes(1))
        await client.shutdown()
        #expect(notebook.lines.contains(end))
        #expect(notebook.lines.contains("ended 1 GET / \(outcome)"))
    }

    @Test(arguments: [("", "closed 1 closedByServer"), ("HTTP/1.1 200 OK\r\n", "closed 1 unaskedBytes")])
    func anIdleConnectionIsWatchedForTheServersEndAndForBytesThatNobodyAskedFor(_ later: String, _ end: String)
        async throws
    {
        let wakeUp = Gate()
        let server = try await RawServer { peer in
            _ = try await peer.read(until: "\r\n\r\n")
            try await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            await wakeUp.wait()
            if !later.isEmpty {
                try await peer.send(later)
                _ = try await peer.read(until: "the end")
            }
        }
        let client = try Client(server.url, settings: settings)
        _ = try await client.get()
        #expect(await client.statistics.idle == 1)
        wakeUp.open()
        while await client.statistics.connected > 0 { await Task.yield() }
        #expect(notebook.lines.last == end)
        await client.shutdown()
    }

    /// Collects what is logged.
    private struct Memory: LogHandler {
        let lines: Box<[String]>
        var logLevel = Logger.Level.debug
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let all = metadata.merging(event.metadata ?? [:]) { $1 }
            let text = all.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
            lines.value.append("\(event.level) \(event.message) \(text)")
        }
    }

    @Test func theLogHasNumbersAndNoSecretsAndNothingAboveDebug() async throws {
        let world = try World()
        let server = try await world.server(.required)
        let lines = Box<[String]>([])
        let logger = Logger(label: "test") { _ in Memory(lines: lines) }
        let client = try Client(
            server.url, identity: try world.identity("alice"), trust: world.trust, logger: logger)
        _ = try await client.get("/orders?key=secret", headerFields: [.authorization: "Bearer secret"])
        await client.shutdown()
        let all = lines.value
        #expect(all.allSatisfy { $0.hasPrefix("debug ") })
        #expect(!all.contains { $0.contains("secret") })
        #expect(all.contains { $0.hasPrefix("debug connected") && $0.contains("mtls.connection.id=1") })
        #expect(
            all.contains {
                $0.hasPrefix("debug request ended") && $0.contains("mtls.request.id=1")
                    && $0.contains("http.response.status_code=200") && $0.contains("url.path=/orders")
            })
    }
}

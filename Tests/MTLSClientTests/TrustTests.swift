import Logging
import MTLSClient
import MTLSTestKit
import Synchronization
import Testing

/// Checks of the caller's own, inside the handshake.
@Suite struct OwnCheckTests {
    private struct Refusal: Error {}

    @Test(arguments: [TLSVersion.v1_2, .v1_3])
    func aCheckThatTakesItsTimeIsAwaited(version: TLSVersion) async throws {
        let world = try World()
        let server = try await world.server(.required)
        let seen = Mutex<[VerifiedServer]>([])
        let trust = world.trust.check { server in
            for _ in 0..<100 { await Task.yield() }
            seen.withLock { $0.append(server) }
        }
        let client = try Client(
            server.url, identity: world.identity("alice"), trust: trust,
            tls: TLSSettings(minimumVersion: version, maximumVersion: version))
        #expect(try await client.get().body.text(upTo: .kibibytes(1)) == "CN=alice")
        let servers = seen.withLock { $0 }
        #expect(servers.count == 1)
        #expect(servers.first?.path.last == world.authority.root)
        #expect(servers.first?.endpoint.port == server.port)
        await client.shutdown()
    }

    @Test(arguments: [TLSVersion.v1_2, .v1_3])
    func aCheckThatRefusesEndsTheHandshake(version: TLSVersion) async throws {
        let world = try World()
        let server = try await world.server(.required)
        let client = try Client(
            server.url, identity: world.identity("alice"), trust: world.trust.check { _ in throw Refusal() },
            tls: TLSSettings(minimumVersion: version, maximumVersion: version))
        let error = await #expect(throws: MTLSError.self) { try await client.get() }
        #expect(error?.code == .certificateRefused)
        #expect(error?.underlying is Refusal)
        #expect(server.requests.isEmpty)
        await client.shutdown()
    }

    @Test func aServerThatIsNotTrustedIsNotChecked() async throws {
        let (world, other) = (try World(), try World())
        let server = try await world.server(.required)
        let trust = other.trust.check { _ in Issue.record("checked") }
        let client = try Client(server.url, identity: world.identity("alice"), trust: trust)
        let error = await #expect(throws: MTLSError.self) { try await client.get() }
        #expect(error?.code != .certificateRefused)
        await client.shutdown()
    }

    @Test func aCheckIsCancelledWithItsConnection() async throws {
        let world = try World()
        let server = try await world.server(.required)
        let (events, event) = AsyncStream.makeStream(of: String.self)
        let trust = world.trust.check { _ in
            event.yield("begins")
            defer { event.yield("ends") }
            try await Task.sleep(for: .seconds(3600))
        }
        let client = try Client(server.url, identity: world.identity("alice"), trust: trust)
        async let request: MTLSError? = {
            do { _ = try await client.get() } catch { return error as? MTLSError }
            return nil
        }()
        for await event in events {
            if event == "ends" { break }
            await client.shutdown(graceful: false)
        }
        #expect(await request?.code == .clientClosed)
    }
}

/// Trusting anything.
@Suite struct AnythingTests {
    private struct Journal: LogHandler {
        let lines: Lines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            if event.level == .warning { lines.all.withLock { $0.append("\(event.message)") } }
        }
    }

    private final class Lines: Sendable {
        let all = Mutex<[String]>([])
    }

    @Test func itIsWarnedOfOnce() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in .response(then: .close) }
        let lines = Lines()
        let client = try Client(
            server.url, trust: .dangerouslyTrustAnything, logger: Logger(label: "test") { _ in Journal(lines: lines) })
        for _ in 0..<3 { _ = try await client.get() }
        let warnings = lines.all.withLock { $0 }
        #expect(warnings.count == 1)
        #expect(warnings.first?.contains("not authenticated") == true)
        await client.shutdown()
    }
}

import DevPKI
import GnuTLS
import Logging
import MTLSClient
import MTLSTestKit
import NIOCore
import Synchronization
import Testing

/// Connections while their identity is replaced.
@Suite(.timeLimit(.minutes(15))) struct RotationTests {
    /// Hands out the channels that it made.
    private final class Tap: Connector {
        private let channels = Mutex<[any Channel]>([])
        var first: (any Channel)? { channels.withLock { $0.first } }

        func connect(to endpoint: Endpoint, context: ConnectContext) async throws -> Connection {
            let connection = try await TCPConnector().connect(to: endpoint, context: context)
            channels.withLock { $0.append(connection.channel) }
            return connection
        }
    }

    @Test func theIdleConnectionsOfTheOldIdentityAreClosed() async throws {
        let (world, files, tap) = (try World(), try RotatedFiles(), Tap())
        // They would idle for long otherwise.
        let keepAlive: HTTPFields = [.init("Keep-Alive")!: "timeout=600"]
        let server = try await world.server(.required) {
            .response(headerFields: keepAlive, body: $0.client.certificate?.subject ?? "nobody")
        }
        try files.write(world, "alice")
        let identity = files.identity
        let client = try Client(
            server.url, connector: TLSConnector(identity: identity, trust: world.trust, over: tap))
        #expect(try await client.get().body.text(upTo: .kibibytes(1)) == "CN=alice")
        try files.write(world, "bob")
        try await identity.reload()
        try await tap.first?.closeFuture.get()
        let response = try await client.get()
        #expect(response.connection.requestCount == 1)
        #expect(try await response.body.text(upTo: .kibibytes(1)) == "CN=bob")
        #expect(server.connectionCount == 2)
        await client.shutdown()
    }

    @Test func aRequestUnderWayEndsOnItsConnectionWhichServesNoOther() async throws {
        let (world, files) = (try World(), try RotatedFiles())
        let (arrivals, arrived) = AsyncStream<Void>.makeStream()
        let (releases, release) = AsyncStream<Void>.makeStream()
        let server = try await world.server(.required) { request in
            if request.path == "/slow" {
                arrived.yield()
                for await _ in releases { break }
            }
            return .response(body: request.client.certificate?.subject ?? "nobody")
        }
        try files.write(world, "alice")
        let identity = files.identity
        var settings = ClientSettings()
        settings.connectionLimit = 1
        let client = try Client(server.url, identity: identity, trust: world.trust, settings: settings)
        async let slow = client.get("/slow")
        for await _ in arrivals { break }
        async let waiting = client.get("/next")
        try files.write(world, "bob")
        try await identity.reload()
        release.yield()
        #expect(try await slow.body.text(upTo: .kibibytes(1)) == "CN=alice")
        #expect(try await waiting.body.text(upTo: .kibibytes(1)) == "CN=bob")
        #expect(server.connectionCount == 2)
        await client.shutdown()
    }

    @Test func aReloadThatChangesNothingKeepsTheConnections() async throws {
        let (world, files) = (try World(), try RotatedFiles())
        let server = try await world.server(.required)
        try files.write(world, "alice")
        let identity = files.identity
        let client = try Client(server.url, identity: identity, trust: world.trust)
        _ = try await client.get()
        try await identity.reload()
        #expect(try await client.get().connection.requestCount == 2)
        await client.shutdown()
    }

    // MARK: The log

    private struct Recorder: LogHandler {
        let lines: @Sendable (Logger.Level, String) -> Void
        var metadata = Logger.Metadata()
        var logLevel = Logger.Level.trace
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) { lines(event.level, "\(event.message)") }
    }

    @Test func whatHappensToAnIdentityIsLoggedOnceAtInfo() async throws {
        let (world, files) = (try World(), try RotatedFiles())
        let server = try await world.server(.required) { _ in .response(then: .close) }
        let lines = Lines()
        let logger = Logger(label: "test") { _ in Recorder(lines: { lines.add("\($0) \($1)") }) }
        try files.write(world, "alice")
        let identity = files.identity
        let agent = Agent(identity: identity, trust: world.trust, logger: logger)
        for _ in 1...2 { _ = try await agent.get(server.url) }
        try files.write(world, "bob", onlyCertificate: true)
        try? await identity.reload()
        try files.write(world, "bob")
        try await identity.reload()
        _ = try await agent.get(server.url)
        let said = lines.all.filter { $0.contains("CN=") }
        #expect(said.count == 2)
        #expect(said.first?.hasPrefix("info the identity was not reloaded, the old one stays: ") == true)
        #expect(said.last?.hasPrefix("info \"CN=bob\"") == true)
        #expect(said.last?.contains("took the place of \"CN=alice\"") == true)
        await agent.shutdown()
    }

    // MARK: Choice

    @Test func ofSeveralIdentitiesTheServersRequestDecides() async throws {
        let world = try World()
        let server = try await world.server(.required)
        let stranger = try CertificateAuthority(commonName: "Other Root").issueClient(commonName: "mallory")
        let key = try stranger.keyPEM().withUnsafeBytes { Array($0) }
        let choice = Identity.anyOf([
            .pem(certificate: stranger.certificatePEM, key: key), try world.identity("alice"),
        ])
        let client = try Client(server.url, identity: choice, trust: world.trust)
        #expect(try await client.get().body.text(upTo: .kibibytes(1)) == "CN=alice")
        await client.shutdown()
    }

    @Test(arguments: [TLSVersion.v1_2, .v1_3])
    func betweenTwoThatFitTheConnectionFails(version: TLSVersion) async throws {
        let world = try World()
        let server = try await world.server(.required)
        let choice = Identity.anyOf([try world.identity("alice"), try world.identity("bob")])
        let client = try Client(
            server.url, identity: choice, trust: world.trust,
            tls: TLSSettings(minimumVersion: version, maximumVersion: version))
        let error = await #expect(throws: MTLSError.self) { try await client.get() }
        #expect(error?.code == .identityAmbiguous)
        #expect(server.requests.isEmpty)
        await client.shutdown()
    }
}

final class Lines: Sendable {
    private let list = Mutex<[String]>([])
    var all: [String] { list.withLock { $0 } }
    func add(_ line: String) { list.withLock { $0.append(line) } }
}

import CommandSupport
import DevPKI
import Glibc
import Logging
import MTLSClient
import MTLSTestKit
import SecretMemory
import Synchronization
import Testing

/// Whole requests with identities in locked files.
@Suite struct KeyFileTests {
    private let passphrase = SecretSource.closure { _ in
        var bytes = Array("hunter2".utf8)
        return SecretBytes(wiping: &bytes)
    }

    @Test(arguments: ["encrypted PKCS#8", "PKCS#12"])
    func anIdentityInALockedFileIsAuthorized(format: String) async throws {
        let world = try World()
        let directory = try TemporaryDirectory()
        let issued = try world.authority.issueClient(commonName: "alice")
        var bytes = Array("hunter2".utf8)
        let files = try issued.write(to: directory.path, name: "alice", passphrase: SecretBytes(wiping: &bytes))
        let identity: Identity
        if format == "PKCS#12" {
            let outcome = try await Command(
                try Executable.path(of: "openssl"),
                [
                    "pkcs12", "-export", "-in", files.certificate, "-inkey", files.key, "-passin", "pass:hunter2",
                    "-passout", "pass:hunter2", "-out", "\(directory.path)/alice.p12",
                ]
            ).run()
            try #require(outcome.status == 0, "\(outcome.errors)")
            identity = .pkcs12("\(directory.path)/alice.p12", passphrase: passphrase)
        } else {
            identity = .pem(certificate: files.certificate, key: files.key, passphrase: passphrase)
        }
        let server = try await world.server(.required)
        let client = try Client(server.url, identity: identity, trust: world.trust)
        #expect(try await client.get().body.text(upTo: .kibibytes(1)) == "CN=alice")
        await client.shutdown()
    }
}

extension KeyFileTests {
    @Test func aKeyThatOthersReadIsLoggedOnce() async throws {
        let world = try World()
        let directory = try TemporaryDirectory()
        let files = try world.authority.issueClient(commonName: "alice").write(to: directory.path, name: "alice")
        chmod(files.key, 0o644)
        let log = Log()
        let server = try await world.server(.required) { _ in .response(body: "", then: .close) }
        let client = try Client(
            server.url, identity: .pem(certificate: files.certificate, key: files.key), trust: world.trust,
            logger: Logger(label: "test") { _ in log })
        for _ in 1...2 { _ = try await client.get().body.text(upTo: .kibibytes(1)) }
        await client.shutdown()
        #expect(server.connectionCount == 2)
        let warnings = log.warnings
        #expect(warnings.count == 1)
        #expect(warnings.first?.contains(files.key) == true)
    }
}

/// Keeps warnings.
private final class Log: LogHandler, Sendable {
    private let kept = Mutex<[String]>([])

    var warnings: [String] { kept.withLock { $0 } }

    var logLevel: Logger.Level {
        get { .warning }
        set {}
    }
    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    func log(event: LogEvent) {
        if event.level >= .warning { kept.withLock { $0.append("\(event.message)") } }
    }
}

import DevPKI
import GnuTLS
import Glibc
import MTLSClient
import MTLSTestKit
import Synchronization
import Testing

/// The secrets of connections, for whoever asked for them.
@Suite struct KeyLogTests {
    private static let labels: [TLSVersion: Set<String>] = [
        .v1_2: ["CLIENT_RANDOM"],
        .v1_3: [
            "CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0",
            "SERVER_TRAFFIC_SECRET_0", "EXPORTER_SECRET",
        ],
    ]

    private func request(_ version: TLSVersion, _ log: KeyLog) async throws {
        let world = try World()
        let server = try await world.server(.ignored, versions: version...version)
        var tls = TLSSettings()
        tls.keyLog = log
        let client = try Client(server.url, trust: world.trust, tls: tls)
        _ = try await client.get()
        await client.shutdown()
    }

    private func check(_ lines: [Substring], _ version: TLSVersion) {
        #expect(Set(lines.map { String($0.prefix { $0 != " " }) }) == Self.labels[version])
        for line in lines {
            let parts = line.split(separator: " ")
            #expect(parts.count == 3 && parts[1].count == 64 && parts[2].count >= 64)
            #expect(parts.dropFirst().allSatisfy { $0.allSatisfy { $0.isHexDigit && !$0.isUppercase } })
        }
        #expect(Set(lines.map { $0.split(separator: " ")[1] }).count == 1)
    }

    @Test(arguments: TLSVersion.allCases)
    func aClosureGetsWholeLines(_ version: TLSVersion) async throws {
        let lines = Mutex<[String]>([])
        try await request(
            version, KeyLog { line in lines.withLock { $0.append(String(decoding: line, as: UTF8.self)) } })
        let all = lines.withLock { $0 }
        #expect(all.allSatisfy { $0.hasSuffix("\n") })
        check(all.map { $0.dropLast() }, version)
    }

    @Test func aFileIsMadeForItsOwnerAloneAndAppendedTo() async throws {
        let path = "/tmp/mtls-keylog-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        defer { unlink(path) }
        try await request(.v1_3, .file(path))
        try await request(.v1_2, .file(path))
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
        let file = try #require(fopen(path, "re"))
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = fread(&bytes, 1, bytes.count, file)
        let lines = String(decoding: bytes.prefix(count), as: UTF8.self).split(separator: "\n")
        check(lines.filter { !$0.hasPrefix("CLIENT_RANDOM") }, .v1_3)
        check(lines.filter { $0.hasPrefix("CLIENT_RANDOM") }, .v1_2)
    }

    @Test func oneWarningIsEnough() {
        let log = KeyLog { _ in }
        #expect(log.takeWarning() && !log.takeWarning())
    }

    @Test(arguments: ["/nowhere/log", "/tmp", "/dev/null"])
    func whatIsNoFileOfOnesOwnIsRefusedByName(path: String) throws {
        let error = #expect(throws: MTLSError.self) { try KeyLog.file(path) }
        #expect(error?.code == .tlsOptionsInvalid)
        #expect(error?.message.contains(path) == true)
    }
}

import DevPKI
import Glibc
import MTLSClient
import MTLSTestKit
import Testing

/// What many requests leave behind. It takes minutes, so it runs only where `MTLS_TEST_ALL` is set.
@Suite struct RequestSoakTests {
    /// In a process of its own, for what else the tests do would be measured, too.
    @Test(.enabled(if: getenv("MTLS_TEST_ALL") != nil))
    func aMillionRequestsLeaveNothingBehind() async throws {
        setenv("SWT_SWIFT_ERROR_BACKTRACING_ENABLED", "0", 1)
        let result = try await #require(processExitsWith: .success, observing: [\.standardOutputContent]) {
            let thousands = getenv("MTLS_SOAK_THOUSANDS").flatMap { Int(String(cString: $0)) } ?? 1000
            let world = try World()
            let server = try await world.server(.required)
            let client = try Client(server.url, identity: try world.identity("alice"), trust: world.trust)
            let start = ContinuousClock.now
            try await RequestSoakTests.ask(thousands * 100, client, server)
            let before = Footprint()
            try await RequestSoakTests.ask(thousands * 900, client, server)
            let after = Footprint()
            print(
                """
                \(thousands),000 requests in \(ContinuousClock.now - start); resident memory after a tenth: \
                \(before.residentBytes / 1024) KiB, at the end: \(after.residentBytes / 1024) KiB; descriptors \
                \(before.descriptors) and \(after.descriptors)
                """)
            try #require(await client.statistics.requests == thousands * 1000)
            try #require(before.residentBytes > 0)
            try #require(after.residentBytes - before.residentBytes <= 2 << 20)
            try #require(after.descriptors == before.descriptors)
            await client.shutdown()
        }
        print(String(decoding: result.standardOutputContent, as: UTF8.self))
    }

    /// Four tasks ask; the server is to forget what it keeps for the tests.
    private static func ask(_ count: Int, _ client: Client, _ server: MTLSServer) async throws {
        try await withThrowingTaskGroup { group in
            for _ in 0..<4 {
                group.addTask {
                    for number in 0..<count / 4 {
                        _ = try await client.get("/soak").body.collect(upTo: .kibibytes(1))
                        if number % 1000 == 0 { server.forget() }
                    }
                }
            }
            try await group.waitForAll()
        }
        server.forget()
    }

    private struct Footprint {
        let residentBytes: Int
        let descriptors: Int

        init() {
            var buffer = [UInt8](repeating: 0, count: 256)
            let file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
            let count = Glibc.read(file, &buffer, buffer.count)
            close(file)
            let fields = String(decoding: buffer.prefix(max(0, count)), as: UTF8.self).split(separator: " ")
            residentBytes = (fields.dropFirst().first.flatMap { Int($0) } ?? 0) * sysconf(Int32(_SC_PAGESIZE))
            var open = 0
            if let directory = opendir("/proc/self/fd") {
                while readdir(directory) != nil { open += 1 }
                closedir(directory)
            }
            descriptors = open
        }
    }
}

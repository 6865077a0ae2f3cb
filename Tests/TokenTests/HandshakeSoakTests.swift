import CountingModuleSupport
import Glibc
import MTLSClient
import MTLSTestKit
import Testing

/// What many handshakes leave behind. It takes a minute, so it runs only where `MTLS_TEST_ALL` is set.
@Suite struct HandshakeSoakTests {
    private struct Footprint {
        let residentBytes: Int
        let descriptors: Int
        let sessions: Int

        init(_ world: TokenWorld) {
            let pages = Self.read("/proc/self/statm").split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
            residentBytes = pages * sysconf(Int32(_SC_PAGESIZE))
            descriptors = Self.openDescriptors
            sessions = world.counting.sessionsOpened - world.counting.count(of: "C_CloseSession")
        }

        static var openDescriptors: Int {
            guard let directory = opendir("/proc/self/fd") else { return -1 }
            defer { closedir(directory) }
            var count = 0
            while readdir(directory) != nil { count += 1 }
            return count
        }

        private static func read(_ path: String) -> String {
            var buffer = [UInt8](repeating: 0, count: 256)
            let file = open(path, O_RDONLY | O_CLOEXEC)
            defer { close(file) }
            let count = Glibc.read(file, &buffer, buffer.count)
            return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
        }
    }

    /// In a process of its own, where swift-testing is told not to keep a backtrace of each error that is thrown: NIO
    /// throws two for each connection.
    @Test(.enabled(if: getenv("MTLS_TEST_ALL") != nil))
    func tenThousandHandshakesLeaveNothingBehind() async throws {
        setenv("SWT_SWIFT_ERROR_BACKTRACING_ENABLED", "0", 1)
        let result = try await #require(processExitsWith: .success, observing: [\.standardOutputContent]) {
            let soak = HandshakeSoakTests()
            let world = try await TokenWorld(then: .close)
            try await soak.startAllThreads(world)
            let start = ContinuousClock.now
            try await soak.shakeHands(1_000, world)
            let before = Footprint(world)
            try await soak.shakeHands(9_000, world)
            let after = Footprint(world)
            print(
                """
                10,000 handshakes in \(ContinuousClock.now - start); resident memory after 1,000: \
                \(before.residentBytes / 1024) KiB, after 10,000: \(after.residentBytes / 1024) KiB; descriptors \
                \(before.descriptors) and \(after.descriptors), sessions \(before.sessions) and \(after.sessions)
                """)
            try #require(world.server.connectionCount == 10_000 + ClientSettings().connectionLimit)
            try #require(world.counting.count(of: "C_Sign") == world.server.connectionCount)
            try #require(world.counting.count(of: "C_Login") == 1)
            try #require(before.residentBytes > 0)
            try #require(after.residentBytes - before.residentBytes <= 2 << 20)
            try #require(after.descriptors == before.descriptors)
            try #require(after.sessions == before.sessions)
        }
        print(String(decoding: result.standardOutputContent, as: UTF8.self))
    }

    /// Each connection signs: nobody waits for the session of another.
    private func client(_ world: TokenWorld) throws -> Client {
        try world.client(tls: TLSSettings(resumption: .off))
    }

    /// Each thread that signs has memory of its own, and how many there are at once is a matter of chance.
    private func startAllThreads(_ world: TokenWorld) async throws {
        let client = try client(world)
        let arrivals = world.counting.block("C_Sign")
        async let outcomes = world.outcomes(of: ClientSettings().connectionLimit, with: client)
        var waiting = 0
        for await _ in arrivals {
            waiting += 1
            if waiting == ClientSettings().connectionLimit { break }
        }
        world.counting.unblock("C_Sign")
        for case .failure(let error) in await outcomes { throw error }
        await client.shutdown()
    }

    /// The server closes each connection after its answer.
    private func shakeHands(_ count: Int, _ world: TokenWorld) async throws {
        let descriptors = Footprint.openDescriptors
        let client = try client(world)
        for _ in 0..<count / 100 {
            for case .failure(let error) in await world.outcomes(of: 100, with: client) { throw error }
            world.server.forget()
        }
        await client.shutdown()
        try await world.closeIdleSessions()
        // The server's side of the last connections may still be closing.
        for _ in 0..<100_000 where Footprint.openDescriptors > descriptors { await Task.yield() }
    }
}

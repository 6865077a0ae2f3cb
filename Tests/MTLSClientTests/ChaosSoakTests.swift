import Glibc
import Testing

/// A hundred thousand requests to servers that close when they like. It takes minutes, so it runs only where
/// `MTLS_TEST_ALL` is set.
@Suite(.serialized, .enabled(if: getenv("MTLS_TEST_ALL") != nil)) struct ChaosSoakTests {
    private var descriptors: Int {
        (0..<4096).count { fcntl($0, F_GETFD) >= 0 }
    }

    @Test func aHundredThousandRequestsEndOnceEachAndLeaveNoDescriptor() async throws {
        // What the process opens once and for all.
        try await Chaos.runPlain(100)
        try await Chaos.runTLS(20)
        let before = descriptors
        try await Chaos.runPlain(90_000)
        try await Chaos.runTLS(10_000)
        // A server's descriptor is closed when its task has noticed.
        for _ in 0..<100 where descriptors > before { try await Task.sleep(for: .milliseconds(20)) }
        #expect(descriptors <= before)
    }
}

import Glibc
import MTLSClient
import Testing

/// How long a cancelled request takes to return, and what it leaves open. Runs alone: other tests take time, and have
/// descriptors of their own.
@Suite(.serialized) struct CancellationTimingTests {
    @Test(arguments: CancellationTests.Phase.allCases)
    func aCancelledRequestReturnsWithinMillisecondsAndLeavesNoDescriptor(_ phase: CancellationTests.Phase) async throws
    {
        // The first round makes what stays for good: threads, and what they wait with.
        _ = try await cancelled(in: phase)
        let before = descriptorCount()
        var times: [Duration] = []
        for _ in 0..<5 { times.append(try await cancelled(in: phase)) }
        // Sockets are closed when their loops come to it.
        let patience = ContinuousClock.now + .seconds(10)
        // One a round would be a leak; one in all is something that the process has opened for good.
        while descriptorCount() >= before + times.count, ContinuousClock.now < patience {
            try await Task.sleep(for: .milliseconds(5))
        }
        print(
            "cancelled in \(phase): \(times.sorted()[2]) (median of five), descriptors \(before) and \(descriptorCount())"
        )
        #expect(descriptorCount() < before + times.count)
        // Other load can only add.
        #expect(try #require(times.min()) < .milliseconds(20))
    }

    /// - Returns: The time from the cancellation to the return.
    private func cancelled(in phase: CancellationTests.Phase) async throws -> Duration {
        let stage = try await Stage(phase)
        let task = stage.begin()
        await stage.reached()
        let start = ContinuousClock.now
        task.cancel()
        _ = await task.result
        let time = ContinuousClock.now - start
        await stage.client.shutdown(graceful: false)
        stage.end()
        return time
    }

    private func descriptorCount() -> Int {
        guard let directory = opendir("/proc/self/fd") else { return -1 }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        return count
    }
}

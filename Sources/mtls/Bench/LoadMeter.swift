import Glibc
import Synchronization

/// Shows on a terminal, once a second, how far a load has come.
struct LoadMeter: Sendable {
    let isShown: Bool

    func watching<Failure: Error>(
        _ tally: LoadTally, _ work: () async throws(Failure) -> Void
    ) async throws(Failure) {
        guard isShown else { return try await work() }
        let watch = Task(executorPreference: globalConcurrentExecutor) {
            while (try? await Task.sleep(for: .seconds(1))) != nil {
                let (requests, errors) = tally.counts
                let failures = errors > 0 ? ", \(errors) errors" : ""
                Console.write("\r\(requests) requests\(failures)\u{1B}[K", to: STDERR_FILENO)
            }
        }
        defer { watch.cancel() }
        try await work()
    }

    /// Leaves no line behind.
    func end() {
        if isShown { Console.write("\r\u{1B}[K", to: STDERR_FILENO) }
    }
}

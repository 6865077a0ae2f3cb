import NIOCore
import NIOPosix

/// Ticks on an event loop, each millisecond, and notes the longest time between two ticks.
final class Ticker: Sendable {
    private struct Ticks {
        var last = ContinuousClock.now
        var longest = Duration.zero
        var task: RepeatedTask?
    }

    private let loop: any EventLoop
    private let ticks: NIOLoopBoundBox<Ticks>

    private init(_ loop: any EventLoop) {
        self.loop = loop
        ticks = .makeBoxSendingValue(Ticks(), eventLoop: loop)
    }

    /// The longest time between two ticks on the event loop of `executor` while `work` runs.
    static func longestGap(
        on executor: any TaskExecutor, during work: () async throws -> Void
    ) async throws -> Duration {
        let found = await Task(executorPreference: executor) { MultiThreadedEventLoopGroup.currentEventLoop }.value
        guard let loop = found else { preconditionFailure("the executor is no event loop") }
        let ticker = Ticker(loop)
        try await ticker.start()
        try await work()
        return try await ticker.stop()
    }

    private func start() async throws {
        try await loop.submit { [self] in
            ticks.value.last = .now
            ticks.value.task = loop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(1)) { [self] _ in
                tick()
            }
        }.get()
    }

    private func tick() {
        let now = ContinuousClock.now
        ticks.value.longest = max(ticks.value.longest, now - ticks.value.last)
        ticks.value.last = now
    }

    private func stop() async throws -> Duration {
        try await loop.submit { [self] in
            tick()
            ticks.value.task?.cancel()
            ticks.value.task = nil
            return ticks.value.longest
        }.get()
    }
}

import MTLSCore
import NIOCore

/// Tells somebody when there has been nothing for some time. Lives on one event loop.
final class EmptinessWatch {
    private let loop: any EventLoop
    private let span: TimeAmount
    private let report: @Sendable (Deadline) -> Void
    private var timer: Scheduled<Void>?

    /// - Parameter report: Called with the time since when there has been nothing, each time that `span` is over.
    init(_ loop: any EventLoop, for span: Duration, _ report: @escaping @Sendable (Deadline) -> Void) {
        self.loop = loop
        self.span = TimeAmount(span)
        self.report = report
    }

    deinit { timer?.cancel() }

    func update(isEmpty: Bool) {
        guard isEmpty else {
            timer?.cancel()
            timer = nil
            return
        }
        if timer == nil { start() }
    }

    private func start() {
        let since = Deadline.now
        timer = loop.assumeIsolated().scheduleTask(in: span) { [weak self] () -> Void in
            guard let self else { return }
            report(since)
            if timer != nil { start() }
        }
    }
}

package import NIOCore
import Synchronization

/// Runs tasks on an event loop, so that what they await of the loop costs no change of thread.
package final class LoopExecutor: TaskExecutor {
    package let eventLoop: any EventLoop
    private let arrivals = Atomic(0)

    package init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        if !eventLoop.inEventLoop { arrivals.add(1, ordering: .relaxed) }
        let job = UnownedJob(job)
        eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }

    /// How often a task came here from another thread.
    package var arrivalsFromOtherThreads: Int { arrivals.load(ordering: .relaxed) }
}

import Glibc
import Synchronization

/// Holds a lane's thread until it is opened.
final class Gate: Sendable {
    private let isOpen = Atomic(false)
    private let entered: AsyncStream<Void>
    private let enter: AsyncStream<Void>.Continuation

    init() { (entered, enter) = AsyncStream<Void>.makeStream() }

    func open() { isOpen.store(true, ordering: .releasing) }

    /// Blocks a thread of a lane, which is made for that.
    func pass() {
        enter.yield()
        while !isOpen.load(ordering: .acquiring) { sched_yield() }
    }

    func waitUntilSomebodyWaits() async { for await _ in entered { return } }
}

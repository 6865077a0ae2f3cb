import Synchronization

/// Closures that are told of something, each until its ``Observation`` goes.
final class Observers<News: Sendable>: Sendable {
    private struct State {
        var next = 0
        var bodies: [Int: @Sendable (News) -> Void] = [:]
    }

    private let state = Mutex(State())

    func add(_ body: @escaping @Sendable (News) -> Void) -> Observation {
        let id = state.withLock { state in
            state.next += 1
            state.bodies[state.next] = body
            return state.next
        }
        return Observation { [self] in
            // What the closure holds is let go of outside the lock.
            _ = state.withLock { $0.bodies.removeValue(forKey: id) }
        }
    }

    /// Calls the closures on this thread. One whose observation goes meanwhile may be called once more.
    func notify(_ news: News) {
        for body in state.withLock({ Array($0.bodies.values) }) { body(news) }
    }
}

/// Keeps a closure told. It ends with the last reference to it.
package final class Observation: Sendable {
    private let end: @Sendable () -> Void

    init(end: @escaping @Sendable () -> Void) { self.end = end }

    deinit { end() }
}

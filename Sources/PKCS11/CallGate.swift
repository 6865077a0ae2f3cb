import CP11Kit

/// Keeps calls out of a module while it is initialised again, as long as that has failed, and after it was finalized:
/// p11-kit crashes over a session that is opened then.
final class CallGate: @unchecked Sendable {  // safe: what is mutable is guarded by monitor
    private let monitor = Monitor()
    private let left = Condition()
    private var calls = 0
    private var isOpen = true

    /// False: the call is not to be made. True: it is, and ``leave()`` is to follow.
    func enter() -> Bool {
        monitor.withLock {
            if isOpen { calls += 1 }
            return isOpen
        }
    }

    func leave() {
        monitor.withLock {
            calls -= 1
            if !isOpen { left.signal() }
        }
    }

    /// Lets no call in, and waits for those that are inside. False, and open again, when none returns for so many seconds.
    func close(patience seconds: Int) -> Bool {
        monitor.lock()
        defer { monitor.unlock() }
        isOpen = false
        while calls > 0 {
            if left.wait(monitor, seconds: seconds), calls > 0 {
                isOpen = true
                return false
            }
        }
        return true
    }

    func open() { monitor.withLock { isOpen = true } }
}

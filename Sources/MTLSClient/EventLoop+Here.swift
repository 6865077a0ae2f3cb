import NIOCore

extension EventLoop {
    /// Runs `body` at once where the caller is on the loop already, else as soon as the loop comes to it.
    func hereOrLater(_ body: @escaping @Sendable () -> Void) {
        if inEventLoop { body() } else { execute(body) }
    }
}

import NIOCore

/// An attempt to connect.
struct ConnectionAttempt {
    let task: Task<Void, Never>
    /// The end of its time, for a connector that does not keep to the limits itself.
    let timer: Scheduled<Void>?

    func end() {
        task.cancel()
        timer?.cancel()
    }
}

public import ServiceLifecycle

/// A client in a `ServiceGroup`.
extension Client: Service {
    /// Waits for the group's graceful shutdown, and then for the requests under way; when the task is cancelled, they are
    /// cut off. The group's `maximumGracefulShutdownDuration` limits the wait.
    ///
    /// The client serves requests whether or not this runs. Services that use it are to stand behind it in the group,
    /// since groups shut down from the end.
    public func run() async throws {
        await serve { await self.shutdown(graceful: $0) }
    }
}

/// An agent in a `ServiceGroup`.
extension Agent: Service {
    /// As ``Client/run()``.
    public func run() async throws {
        await serve { await self.shutdown(graceful: $0) }
    }
}

private func serve(_ shutdown: @escaping @Sendable (_ gracefully: Bool) async -> Void) async {
    do {
        try await gracefulShutdown()
    } catch {
        return await shutdown(false)
    }
    // A group whose patience is at its end cancels the task.
    await withTaskCancellationHandler {
        await shutdown(true)
    } onCancel: {
        Task { await shutdown(false) }
    }
}

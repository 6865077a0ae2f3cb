import MTLSCore
import NIOCore

extension Client {
    /// Closes the client. Later requests fail with ``MTLSError/Code/clientClosed``.
    ///
    /// A client that is forgotten instead closes its connections once its last reference and the last body of its
    /// responses are gone. It never keeps the process alive.
    ///
    /// - Parameters:
    ///   - graceful: Whether the requests under way, and those that wait, may end first.
    ///   - limit: How long they may take; what is left then is closed, and fails. Nil for no limit.
    public func shutdown(graceful: Bool = true, within limit: Duration? = nil) async {
        willShutDown()
        // A shutdown cannot fail.
        try? await ask { pool, done in pool.shutdown(graceful: graceful, within: limit, done) }
    }
}

extension Agent {
    /// Closes the clients of all origins. Later requests fail with ``MTLSError/Code/clientClosed``.
    ///
    /// - Parameters:
    ///   - graceful: Whether the requests under way, and those that wait, may end first.
    ///   - limit: How long they may take; what is left then is closed, and fails. Nil for no limit.
    public func shutdown(graceful: Bool = true, within limit: Duration? = nil) async {
        let clients = takeAll()
        await withTaskGroup(of: Void.self) { group in
            for client in clients { group.addTask { await client.shutdown(graceful: graceful, within: limit) } }
        }
    }
}

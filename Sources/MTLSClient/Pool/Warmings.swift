import MTLSCore
import NIOCore

/// Those who wait for connections that are made in advance.
struct Warmings {
    private struct Warming {
        let promise: EventLoopPromise<Int>
        /// Those that are not over.
        var attempts: Set<Int>
        var error: MTLSError?
    }

    private var list: [Warming] = []

    /// Somebody waits until `attempts` are over. Who waits for none is answered with the count of connections.
    mutating func add(_ promise: EventLoopPromise<Int>, _ attempts: Set<Int>, connections: Int) {
        guard !attempts.isEmpty else { return promise.succeed(connections) }
        list.append(Warming(promise: promise, attempts: attempts))
    }

    /// An attempt is over, with an error if it failed. Who waits for no other is answered.
    mutating func attemptIsOver(_ id: Int, _ error: MTLSError?, connections: Int) {
        for index in list.indices where list[index].attempts.remove(id) != nil {
            list[index].error = list[index].error ?? error
        }
        for warming in list where warming.attempts.isEmpty {
            if let error = warming.error { warming.promise.fail(error) } else { warming.promise.succeed(connections) }
        }
        list.removeAll { $0.attempts.isEmpty }
    }
}

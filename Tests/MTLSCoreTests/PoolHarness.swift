import Testing

@testable import MTLSCore

/// A pool, and the actions it returned as text, so that a test reads as a dialogue.
struct PoolHarness: ~Copyable {
    var pool: PoolStateMachine

    init(_ change: (inout PoolStateMachine.Configuration) -> Void = { _ in }) throws {
        var configuration = PoolStateMachine.Configuration(origin: try testOrigin())
        change(&configuration)
        pool = PoolStateMachine(configuration)
    }

    mutating func lease(
        _ request: Int, at seconds: Double = 0, wait: Duration? = nil, distrustingIdle: Bool = false
    ) -> String {
        pool.lease(request, waitLimit: wait, distrustingIdle: distrustingIdle, now: .seconds(seconds)).text
    }

    mutating func connected(_ id: Int, at seconds: Double = 0) throws -> String {
        try pool.connected(id, now: .seconds(seconds)).text
    }

    mutating func refused(_ id: Int, at seconds: Double = 0) throws -> String {
        try pool.connectFailed(id, testError(), isPermanent: false, now: .seconds(seconds)).text
    }

    mutating func rejected(_ id: Int, at seconds: Double = 0) throws -> String {
        try pool.connectFailed(id, testError(.pinIncorrect), isPermanent: true, now: .seconds(seconds)).text
    }

    mutating func kept(_ id: Int, until: Double = 1000, at seconds: Double = 0) throws -> String {
        try pool.released(id, .keep(until: .seconds(until)), now: .seconds(seconds)).text
    }

    mutating func spent(_ id: Int, at seconds: Double = 0) throws -> String {
        try pool.released(id, .close, now: .seconds(seconds)).text
    }

    mutating func gone(_ id: Int, at seconds: Double = 0) throws -> String {
        try pool.connectionClosed(id, now: .seconds(seconds)).text
    }

    mutating func retire(_ id: Int, at seconds: Double = 0) throws -> String {
        try pool.retire(id, now: .seconds(seconds)).text
    }

    mutating func cancel(_ request: Int) -> String { pool.cancelWaiter(request).text }
    mutating func timer(at seconds: Double) -> String { pool.timer(now: .seconds(seconds)).text }

    mutating func shutdown(isGraceful: Bool) -> String {
        pool.shutdown(isGraceful: isGraceful, now: .start).text
    }

    /// Requests 1... run on the connections 1... .
    mutating func occupy(_ count: Int) throws {
        for id in 1...count {
            _ = lease(id)
            _ = try connected(id)
        }
    }
}

extension PoolStateMachine.Action {
    /// Such as `close 1, fail 2 connect.failed, run 3 on 4 again, open 5, timer 6.0`; empty if there is nothing to do.
    var text: String {
        var parts = close.sorted().map { "close \($0)" }
        parts += fail.map { "fail \($0.request) \($0.error.code)" }
        parts += run.map { "run \($0.request) on \($0.connection)\($0.isReused ? " again" : "")" }
        parts += open.map { "open \($0)" }
        if let timer { parts.append("timer \(Double((timer - .start).saturatedNanoseconds) / 1e9)") }
        if isShutDown { parts.append("shut down") }
        return parts.joined(separator: ", ")
    }
}

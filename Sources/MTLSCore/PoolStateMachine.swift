/// Decides which request runs on which connection of one origin, and when connections are made and closed.
///
/// Theory of operation
///
/// Each event is a method; it returns what the shell shall do. The shell performs it and reports what comes of it.
///
/// 1. A request takes the connection that was parked last (LIFO): the others grow old and are closed. If none idles, it
///    waits (FIFO), and a connection is made for it if the limit permits. It is served by whatever comes free first; the
///    attempt made for it then serves the next one, or parks its connection. So nobody waits while a connection idles,
///    and no more attempts are begun for requests than wait. (Others may have been begun in advance.)
/// 2. An attempt that fails *permanently* (a refused certificate, a wrong PIN) fails everybody who waits, at once. Those
///    that were under way beside it and fail likewise concern nobody who comes later: the fault may be mended by then.
/// 3. An attempt that fails otherwise puts the pool *in doubt*. No further attempt begins until those under way have
///    ended. If one succeeds, the doubt is over. If none does and no connection is in use, everybody fails who came
///    before the last failed attempt began; who came later gets an attempt of his own: each round answers somebody, so
///    that nobody hangs and nothing is tried for ever. While connections are in use, those who wait are better off
///    waiting for them: one attempt at a time is made, after a pause that doubles.
/// 4. A request that died on a reused connection comes back with `distrustingIdle`: it closes the idle connections, which
///    are older, and so gets a new one, or one that has just delivered a response.
/// 5. Connections told to close leave the count at once: a request need not wait for a farewell. The shutdown does.
/// 6. There is one timer. It is only ever set to an earlier time; when it fires too early, it is set again. Parking and
///    leasing a busy connection therefore costs no timer at all.
/// 7. The limit on waiting does not end the wait of those for whom an attempt is under way: it has limits of its own, and
///    somebody may be looking for his token. When the attempt ends otherwise than hoped, the limit counts again.
package struct PoolStateMachine: ~Copyable {
    private enum Mode: Int { case running, draining, closing, closed }

    private var configuration: Configuration
    private var mode = Mode.running
    private var connections = SerialTable<Connection>()
    /// The last one was parked last.
    private var idle: [ConnectionID] = []
    private var waiters = WaiterQueue()
    private var connectingCount = 0
    private var leasedCount = 0
    private var lastID = 0
    /// Counts arrivals and attempts, so that they can be compared.
    private var order = 0
    private var armed = Deadline.distantFuture
    /// Whether somebody may wait beyond his limit because a connection is being made.
    private var mayHaveOverdue = false

    /// The failed attempts since the last success; above zero, the pool is in doubt.
    private var failures = 0
    private var lastFailure: MTLSError?
    /// The place in the order of the last permanent failure.
    private var permanentHorizon = 0
    private var lastFailedBegan = 0
    private var backoff = Duration.zero
    private var backoffEnd = Deadline.distantFuture

    package init(_ configuration: Configuration) {
        self.configuration = configuration
        self.configuration.connectionLimit = max(1, configuration.connectionLimit)
    }

    // MARK: Requests

    /// A request wants a connection: it is run, failed, or waits.
    ///
    /// - Parameters:
    ///   - waitLimit: How long it may wait; `nil` for no limit.
    ///   - distrustingIdle: Whether the idle connections are closed first.
    package mutating func lease(
        _ request: RequestID, waitLimit: Duration?, distrustingIdle: Bool = false, now: Deadline
    ) -> Action {
        var action = Action()
        guard mode == .running else {
            action.fail.append(Failure(request: request, error: closedError))
            return action
        }
        while let id = idle.popLast() {
            guard !distrustingIdle, let connection = connections[id], case .idle(let until) = connection.state,
                until > now
            else {
                close(id, &action)
                continue
            }
            run(request, on: id, connection, &action)
            return action
        }
        if let limit = configuration.queueLimit, waiters.count + leasedCount - configuration.connectionLimit >= limit {
            action.fail.append(Failure(request: request, error: queueFullError(limit)))
            return action
        }
        order += 1
        let deadline = waitLimit.map { now + $0 } ?? .distantFuture
        waiters.append(.init(request: request, arrival: order, since: now, deadline: deadline))
        arm(deadline, &action)
        openWanted(now, &action)
        return action
    }

    /// The request does not want a connection any more. One that does not wait is left as it is.
    package mutating func cancelWaiter(_ request: RequestID) -> Action {
        var action = Action()
        if waiters.remove(request) { settle(&action) }
        return action
    }

    // MARK: Connections

    /// Somebody wants `count` connections to be there before requests come. Those that there are count, in whatever
    /// state, and the limit holds; in doubt, nothing is begun in advance.
    package mutating func warm(_ count: Int) -> Action {
        var action = Action()
        guard mode == .running, failures == 0 else { return action }
        let have = connectingCount + leasedCount + idle.count
        open(min(count, configuration.connectionLimit) - have, &action)
        return action
    }

    /// The attempt succeeded.
    ///
    /// - Parameter idleTimeout: How long the connection may idle if nobody needs it any more; the configuration's if `nil`.
    package mutating func connected(
        _ id: ConnectionID, idleTimeout: Duration? = nil, now: Deadline
    ) throws(InvariantViolation) -> Action {
        var action = Action()
        switch connections[id]?.state {
        case .connecting:
            connectingCount -= 1
            (failures, lastFailedBegan, lastFailure) = (0, 0, nil)
            connections[id]?.connectedAt = now
            serveOrPark(id, until: now + (idleTimeout ?? configuration.idleTimeout), now, &action)
        case .closing:
            action.close.append(id)
        case let state:
            throw violation("connected", id, state)
        }
        return finish(now, action)
    }

    /// The attempt failed.
    ///
    /// - Parameter isPermanent: Whether it would fail again, in all likelihood: what the identity, the PIN, the trust or
    ///   the server's policy is at fault for.
    package mutating func connectFailed(
        _ id: ConnectionID, _ error: MTLSError, isPermanent: Bool, now: Deadline
    ) throws(InvariantViolation) -> Action {
        var action = Action()
        switch connections.removeValue(forKey: id)?.state {
        case .connecting(let began):
            connectingCount -= 1
            if isPermanent {
                // What began before an earlier failure of this kind says nothing to those who came after it.
                let isOld = began <= permanentHorizon
                fail(&action, with: error) { !isOld || $0.arrival < began }
                if !isOld { permanentHorizon = order }
            } else {
                doubt(error, began: began, now)
                if connectingCount + leasedCount == 0 {
                    let horizon = lastFailedBegan
                    fail(&action, with: error) { $0.arrival < horizon }
                }
            }
        case .closing: break
        case let state: throw violation("connectFailed", id, state)
        }
        return finish(now, action)
    }

    /// The request that ran on the connection is over.
    package mutating func released(
        _ id: ConnectionID, _ verdict: Verdict, now: Deadline
    ) throws(InvariantViolation) -> Action {
        var action = Action()
        switch connections[id]?.state {
        case .leased(let isRetired):
            leasedCount -= 1
            if case .keep(let until) = verdict, !isRetired {
                serveOrPark(id, until: until, now, &action)
            } else {
                close(id, &action)
            }
        case .closing: break
        case let state: throw violation("released", id, state)
        }
        return finish(now, action)
    }

    /// The connection is gone. Of one in use, the request is over too, and `released` does not follow.
    package mutating func connectionClosed(_ id: ConnectionID, now: Deadline) throws(InvariantViolation) -> Action {
        switch connections[id]?.state {
        case .idle: idle.removeAll { $0 == id }
        case .leased: leasedCount -= 1
        case .closing: break
        case let state: throw violation("connectionClosed", id, state)
        }
        connections[id] = nil
        return finish(now, Action())
    }

    /// The connection shall serve no further request: stray bytes came, or its identity was replaced.
    package mutating func retire(_ id: ConnectionID, now: Deadline) throws(InvariantViolation) -> Action {
        var action = Action()
        switch connections[id]?.state {
        case .connecting:
            connectingCount -= 1
            close(id, &action)
        case .idle:
            idle.removeAll { $0 == id }
            close(id, &action)
        case .leased: connections[id]?.state = .leased(isRetired: true)
        case .closing: break
        case nil: throw violation("retire", id, nil)
        }
        return finish(now, action)
    }

    // MARK: Figures

    /// How many connections are in which state, and how many requests wait.
    package var census: Census {
        Census(connecting: connectingCount, idle: idle.count, leased: leasedCount, waiting: waiters.count)
    }

    /// Whether there is neither a request nor a connection, nor an attempt at one.
    package var isEmpty: Bool { connections.isEmpty && waiters.isEmpty }

    // MARK: Time and end

    /// The timer fired.
    package mutating func timer(now: Deadline) -> Action {
        var action = Action()
        armed = .distantFuture
        var next = Deadline.distantFuture
        let parked = idle
        idle = []
        for id in parked {
            guard case .idle(let until)? = connections[id]?.state, until > now else {
                close(id, &action)
                continue
            }
            idle.append(id)
            next = min(next, until)
        }
        arm(min(next, waiters.nextDeadline(after: now)), &action)
        mayHaveOverdue = true
        return finish(now, action)
    }

    /// Ends the pool. New requests fail.
    ///
    /// - Parameter isGraceful: Whether the requests that wait or run are brought to their end. Otherwise those that wait
    ///   fail, and the connections of those that run are closed.
    package mutating func shutdown(isGraceful: Bool, now: Deadline) -> Action {
        var action = Action()
        let wanted = isGraceful ? Mode.draining : .closing
        guard mode.rawValue < wanted.rawValue else { return action }
        mode = wanted
        for id in idle { close(id, &action) }
        idle = []
        if !isGraceful {
            fail(&action, with: closedError) { _ in true }
            for (id, connection) in connections.all where connection.state != .closing { close(id, &action) }
            (connectingCount, leasedCount) = (0, 0)
        }
        return finish(now, action)
    }

    // MARK: Steps

    private mutating func run(
        _ request: RequestID, on id: ConnectionID, _ connection: consuming Connection, _ action: inout Action
    ) {
        let isReused = connection.uses > 0
        connection.state = .leased(isRetired: false)
        connection.uses += 1
        connections[id] = connection
        leasedCount += 1
        action.run.append(Assignment(request: request, connection: id, isReused: isReused))
    }

    /// Gives a connection that is free to whoever waits longest; otherwise parks it, or closes it if it had its time.
    private mutating func serveOrPark(_ id: ConnectionID, until: Deadline, _ now: Deadline, _ action: inout Action) {
        guard var connection = connections[id] else { return }
        let endOfLife = configuration.maximumAge.map { connection.connectedAt + $0 } ?? .distantFuture
        let until = min(until, endOfLife)
        let isSpent = until <= now || connection.uses >= configuration.maximumUses ?? .max
        if isSpent, connection.uses > 0 {
            close(id, &action)
        } else if let waiter = waiters.popFirst() {
            run(waiter.request, on: id, connection, &action)
        } else if mode == .running {
            connection.state = .idle(until: until)
            connections[id] = connection
            idle.append(id)
            arm(until, &action)
        } else {
            close(id, &action)
        }
    }

    private mutating func close(_ id: ConnectionID, _ action: inout Action) {
        connections[id]?.state = .closing
        action.close.append(id)
    }

    private mutating func fail(
        _ action: inout Action, with error: MTLSError, where condition: (WaiterQueue.Waiter) -> Bool
    ) {
        let error = error.at(configuration.origin.description)
        for waiter in waiters.removeAll(where: condition) {
            action.fail.append(Failure(request: waiter.request, error: error))
        }
    }

    private mutating func doubt(_ error: MTLSError, began: Int, _ now: Deadline) {
        backoff = failures == 0 ? configuration.firstBackoff : min(backoff * 2, configuration.longestBackoff)
        failures += 1
        backoffEnd = now + backoff
        lastFailedBegan = max(lastFailedBegan, began)
        lastFailure = error
    }

    /// Begins as many attempts as there are requests for which none is under way, as far as limit and doubt permit.
    private mutating func openWanted(_ now: Deadline, _ action: inout Action) {
        let room = configuration.connectionLimit - connectingCount - leasedCount
        var count = min(waiters.count - connectingCount, room)
        guard count > 0 else { return }
        if failures > 0 {
            guard connectingCount == 0 else { return }
            guard leasedCount == 0 || now >= backoffEnd else { return arm(backoffEnd, &action) }
            count = 1
        }
        open(count, &action)
    }

    private mutating func open(_ count: Int, _ action: inout Action) {
        for _ in 0..<max(0, count) {
            lastID += 1
            order += 1
            connections[lastID] = Connection(state: .connecting(began: order))
            connectingCount += 1
            action.open.append(lastID)
        }
    }

    /// Fails who waits too long, but for those at the front for whom a connection is being made: that has its limits.
    private mutating func expire(_ now: Deadline, _ action: inout Action) {
        for waiter in waiters.removeAll(skipping: connectingCount, where: { $0.deadline <= now }) {
            let error = MTLSError.timeout(
                .wait, limit: waiter.deadline - waiter.since, origin: configuration.origin, underlying: lastFailure)
            action.fail.append(Failure(request: waiter.request, error: error))
        }
        mayHaveOverdue = waiters.contains { $0.deadline <= now }
    }

    private mutating func arm(_ time: Deadline, _ action: inout Action) {
        guard time < armed else { return }
        armed = time
        action.timer = time
    }

    private mutating func finish(_ now: Deadline, _ action: consuming Action) -> Action {
        openWanted(now, &action)
        if mayHaveOverdue { expire(now, &action) }
        settle(&action)
        return action
    }

    /// What holds whenever nobody waits: no doubt without connections, no attempts while draining, and the end.
    private mutating func settle(_ action: inout Action) {
        guard waiters.isEmpty else { return }
        if connectingCount + leasedCount == 0 { (failures, lastFailure) = (0, nil) }
        if mode == .draining, connectingCount > 0 {
            for (id, connection) in connections.all {
                if case .connecting = connection.state { close(id, &action) }
            }
            connectingCount = 0
        }
        if connections.isEmpty, mode == .draining || mode == .closing {
            mode = .closed
            action.isShutDown = true
        }
    }

    // MARK: Errors

    private var closedError: MTLSError {
        MTLSError(
            .clientClosed, phase: .wait, fault: .caller, "the client was shut down",
            origin: configuration.origin.description)
    }

    private func queueFullError(_ limit: Int) -> MTLSError {
        MTLSError(
            .queueFull, phase: .wait, fault: .caller,
            "\(limit) requests wait for one of the \(configuration.connectionLimit) connections to "
                + "\(configuration.origin.endpoint) already",
            advice: "raise the pool's connection limit or queue limit", origin: configuration.origin.description)
    }

    private func violation(_ event: String, _ id: ConnectionID, _ state: State?) -> InvariantViolation {
        InvariantViolation("\(event)(\(id))", in: state.map { "\($0)" } ?? "unknown connection")
    }
}

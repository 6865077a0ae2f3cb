extension PoolStateMachine {
    /// The pool's own number of a connection, from its first attempt to its end. Never used twice.
    package typealias ConnectionID = Int
    /// The shell's number of a request that waits or runs.
    package typealias RequestID = Int

    package struct Configuration: Sendable {
        /// Named by errors.
        package var origin: Origin
        /// How many connections may be in the making, in use and idle together; at least one.
        package var connectionLimit = 8
        /// How many requests may be waiting or running beyond the connection limit.
        package var queueLimit: Int?
        /// How long after it was made a connection may take up a request.
        package var maximumAge: Duration?
        /// How many requests a connection may serve.
        package var maximumUses: Int?
        /// How long a connection may idle that nobody needed any more when it was ready.
        package var idleTimeout = Duration.seconds(4)
        /// The pause after a failed attempt while other connections are in use. It doubles with each failure.
        package var firstBackoff = Duration.milliseconds(100)
        package var longestBackoff = Duration.seconds(10)

        package init(origin: Origin) { self.origin = origin }
    }

    /// How a pool stands.
    package struct Census: Hashable, Sendable {
        package let connecting: Int
        package let idle: Int
        /// In use by a request each.
        package let leased: Int
        /// Requests.
        package let waiting: Int
    }

    /// What becomes of a connection whose request is over.
    package enum Verdict: Hashable, Sendable {
        /// It can serve another request that begins before this time.
        case keep(until: Deadline)
        case close
    }

    /// A request and the connection that it shall use now.
    package struct Assignment: Hashable, Sendable {
        package let request: RequestID
        package let connection: ConnectionID
        /// Whether the connection served a request before, so that the peer may have closed it unseen.
        package let isReused: Bool
    }

    package struct Failure: Sendable {
        package let request: RequestID
        package let error: MTLSError
    }

    /// What the shell shall do, in the order of the properties.
    package struct Action: Sendable {
        /// Close these, at once and whatever their state: their idling, attempt or exchange ends. Each is reported with
        /// `connectionClosed`, or with `connectFailed` if it was in the making.
        package var close = Few<ConnectionID>()
        /// Fail these requests; they wait no longer.
        package var fail: [Failure] = []
        /// Run these requests.
        package var run = Few<Assignment>()
        /// Begin to make these connections; report each with `connected` or `connectFailed`.
        package var open = Few<ConnectionID>()
        /// Call `timer` at this time, in place of any later one; `nil` leaves the timer as it is.
        package var timer: Deadline?
        /// Nothing is left, and nothing more will come. Said once.
        package var isShutDown = false
    }

    /// How a connection stands.
    enum State: Hashable {
        /// An attempt is under way; `began` is its place in the order of arrivals and attempts.
        ///
        /// Can transition to `leased` or `idle` when it succeeds, to `closing` at shutdown or when it is retired, and
        /// ends when it fails.
        case connecting(began: Int)
        /// It waits for a request. No request waits meanwhile.
        ///
        /// Can transition to `leased`, and to `closing` at its time limit, at shutdown or when it is retired; ends when
        /// the peer closes it.
        case idle(until: Deadline)
        /// One request runs on it. (Many could: a count of free streams would stand here.)
        ///
        /// Can transition to `leased` by the next request, to `idle`, and to `closing` by its verdict, age, uses or at
        /// shutdown; ends when the peer closes it.
        case leased(isRetired: Bool)
        /// The shell was told to close it and has not reported its end. It counts for nothing but the shutdown.
        case closing
    }

    struct Connection {
        var state: State
        var connectedAt = Deadline.distantFuture
        var uses = 0
    }
}

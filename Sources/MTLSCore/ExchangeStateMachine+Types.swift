extension ExchangeStateMachine {
    /// What the shell shall do, in the order of the properties.
    package struct Action: Sendable {
        /// What to give to the program.
        package var delivery: Delivery?
        /// Send no more of the request, and tell its body's source.
        package var stopSending = false
        /// Begin to send the body, which waited for the server's consent.
        package var startSending = false
        /// Ask the transport for one read.
        package var read = false
        /// The exchange is over.
        package var outcome: Outcome?
    }

    package enum Delivery: Hashable, Sendable {
        /// An interim response (1xx).
        case interim
        /// The response's head.
        case head
        /// The chunks held and the one that came, as one.
        case chunk
        /// Nothing yet: keep the chunk until it is asked for.
        case hold
        /// The end of the body, behind what is held.
        case end
    }

    package enum Outcome: Sendable {
        /// The response is whole. `isReusable` goes to `KeepAlivePolicy`.
        case finished(isReusable: Bool)
        /// The connection speaks another protocol from here on (101, or 2xx to CONNECT): hand it over.
        case handedOver
        /// Close the connection.
        case failed(MTLSError)
    }
}

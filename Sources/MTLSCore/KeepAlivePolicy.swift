package import HTTPTypes

/// Decides whether a connection may serve another request after a response, and how long it may idle first
/// (RFC 9112 §9.3).
///
/// 1. What leaves the stream in doubt closes the connection: a request or a response that is not whole, a response that
///    only its end delimits, bytes nobody asked for.
/// 2. Either side's `Connection: close` closes it; so does HTTP/1.0, unless the server says `keep-alive`.
/// 3. A server's `Keep-Alive: timeout=N` counts, less 2 s for the time in which a request and the server's FIN could
///    cross, and at most 600 s. A server that lets one more request pass at most (`max=1`) is not held to it.
/// 4. Without a hint what the user set applies, or the default.
package enum KeepAlivePolicy {
    package enum Verdict: Hashable, Sendable {
        case keep(idleTimeout: Duration)
        case close(Reason)
    }

    package enum Reason: String, Sendable {
        case exchangeIncomplete, requestedByClient, requestedByServer, oldVersion, timeoutTooShort, lastUse
        case handedOver
    }

    /// Without a hint, and with a key that costs little.
    package static let defaultIdleTimeout = Duration.seconds(4)
    /// Without a hint, and with a key in a token: a handshake may cost a finger.
    package static let tokenIdleTimeout = Duration.seconds(60)
    private static let longestIdleTimeout = Duration.seconds(600)
    private static let margin = Duration.seconds(2)

    /// How long a connection may idle without a hint.
    ///
    /// - Parameters:
    ///   - wanted: What the user set.
    ///   - isKeyInToken: Whether another connection would ask a token for a signature.
    package static func idleTimeout(_ wanted: Duration?, isKeyInToken: Bool) -> Duration {
        wanted ?? (isKeyInToken ? tokenIdleTimeout : defaultIdleTimeout)
    }

    /// What a response's head says of the connection, whatever was asked.
    package enum Offer: Hashable, Sendable {
        /// For so long, or nothing of the time.
        case keep(idleTimeout: Duration?)
        case close(Reason)

        package init(_ fields: HTTPFields, version: HTTP1Version) {
            if fields.list(.connection, contains: "close") {
                self = .close(.requestedByServer)
            } else if version == .http10, !fields.list(.connection, contains: "keep-alive") {
                self = .close(.oldVersion)
            } else {
                self = KeepAlivePolicy.hinted(fields) ?? .keep(idleTimeout: nil)
            }
        }
    }

    /// - Parameters:
    ///   - request: As it was sent.
    ///   - isComplete: What `ExchangeStateMachine` says: request and response are whole, and the response's end is plain.
    ///   - idleTimeout: How long the connection may idle without a hint.
    package static func verdict(
        _ request: RequestHead, _ response: ReadHead, isComplete: Bool, idleTimeout: Duration
    ) -> Verdict {
        guard isComplete else { return .close(.exchangeIncomplete) }
        let isTunnel = request.method == .connect && response.isSuccessful
        if response.code == 101 || isTunnel { return .close(.handedOver) }
        if request.asksToClose { return .close(.requestedByClient) }
        switch response.offer {
        case .close(let reason): return .close(reason)
        case .keep(let hint):
            let span = hint ?? idleTimeout
            return span > .zero ? .keep(idleTimeout: span) : .close(.timeoutTooShort)
        }
    }

    /// What the Keep-Alive field says. Parameters that are unknown or no numbers are passed over.
    private static func hinted(_ fields: HTTPFields) -> Offer? {
        var offer: Offer?
        for parameter in fields.list(.keepAlive) {
            let parts = parameter.split(separator: "=", maxSplits: 1).map(\.trimmed)
            guard parts.count == 2, let value = unquoted(parts[1]).decimal else { continue }
            switch parts[0].lowercased() {
            case "max" where value <= 1:
                return .close(.lastUse)
            case "timeout":
                offer = .keep(idleTimeout: min(.seconds(value) - margin, longestIdleTimeout))
            default: continue
            }
        }
        return offer
    }

    private static func unquoted(_ text: Substring) -> Substring {
        text.count >= 2 && text.first == "\"" && text.last == "\"" ? text.dropFirst().dropLast() : text
    }
}

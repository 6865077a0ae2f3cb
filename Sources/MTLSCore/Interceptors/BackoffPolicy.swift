package import HTTPTypes

/// Decides whether a request is tried again, and after which wait. Time and chance are passed in.
package struct BackoffPolicy: Sendable {
    /// How a try ended.
    package enum Outcome: Sendable {
        case failed(MTLSError)
        case answered(HTTPResponse)
    }

    private let settings: RetrySettings

    package init(_ settings: RetrySettings) { self.settings = settings }

    /// Whether the method may be repeated at all.
    package func mayRepeat(_ method: HTTPRequest.Method) -> Bool {
        settings.maximum > 0 && settings.methods.contains(method)
    }

    /// The wait before the next try; nil when there is none.
    ///
    /// - Parameters:
    ///   - tries: How many there were, at least one.
    ///   - elapsed: Since the first began.
    ///   - remaining: Of the whole request's time.
    ///   - date: The time of day, in seconds since 1970, for a date in Retry-After.
    ///   - chance: From 0 to 1.
    package func wait(
        after outcome: Outcome, tries: Int, elapsed: Duration, remaining: Duration?, date: Int64, chance: Double
    ) -> Duration? {
        guard tries <= settings.maximum else { return nil }
        var wait = delay(tries: tries, chance: chance)
        switch outcome {
        case .failed(let error):
            guard error.mayPass else { return nil }
        case .answered(let response):
            guard settings.statuses.contains(response.status.code) else { return nil }
            if let text = response.headerFields[.retryAfter], let named = RetryAfter.delay(text, now: date) {
                guard named <= settings.maximumRetryAfter else { return nil }
                wait = max(wait, named)
            }
        }
        if let limit = settings.maximumTime, elapsed + wait > limit { return nil }
        if let remaining, wait >= remaining { return nil }
        return wait
    }

    private func delay(tries: Int, chance: Double) -> Duration {
        // In floating point, which does not overflow; what is no number becomes the limit.
        let limit = min(max(settings.maximumDelay / .seconds(1), 0), 1e9)
        var longest = max(settings.minimumDelay / .seconds(1), 0)
        for _ in 1..<tries where longest < limit { longest *= settings.factor }
        longest = longest >= 0 && longest < limit ? longest : limit
        return .seconds(settings.isJittered ? longest * chance : longest)
    }
}

/// The first answer that a new connection owed us never came, and a client certificate had been shown: under TLS 1.3 that
/// may be the server's verdict on it (RFC 8446 §4.4.2.4).
package struct PossibleRejection: Error {
    package let underlying: (any Error)?

    package init(underlying: (any Error)?) { self.underlying = underlying }
}

extension MTLSError {
    /// Whether the same request may succeed a moment later, and costs no signature for nothing.
    package var mayPass: Bool {
        if underlying is PossibleRejection { return false }
        switch phase {
        case .resolve: return code == .resolveFailed
        case .connect, .handshake, .proxy: return fault == .network
        case .request, .response:
            return [.connectionLost, .responseEmpty, .responseTruncated, .timeoutResponseHead].contains(code)
        default: return false
        }
    }

    /// The same error, of the last of so many tries.
    package func afterTries(_ count: Int) -> MTLSError {
        MTLSError(
            code, phase: phase, fault: fault, "\(message); there were \(count) tries", advice: advice, origin: origin,
            underlying: underlying)
    }
}

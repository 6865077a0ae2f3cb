package import HTTPTypes

/// Decides whether a request that died on a stale connection is sent once more (RFC 9110 §9.2.2, RFC 9112 §9.3.1).
///
/// A server may close an idle connection at the moment at which a request is sent. Only that is mended here: what fails
/// on a new connection, or by a limit, a cancellation or a refusal, would fail again or was wanted so.
///
/// Likewise a server may let a TLS session be resumed and then reject the connection by an alert, because it thinks
/// otherwise of the client's certificate by now, or has lost what the session needs: a full handshake tells.
package enum RetryPolicy {
    /// What is known of the request that failed.
    package struct Attempt: Sendable {
        package var method: HTTPRequest.Method
        package var errorCode: MTLSError.Code
        /// Whether the connection had served a request before.
        package var isReused: Bool
        /// Whether the connection resumed a TLS session.
        package var isResumed: Bool
        /// Whether any byte of a response came, an interim one included.
        package var sawResponse: Bool
        /// Whether any byte of the request may have left.
        package var wroteRequest: Bool
        /// Whether the body can be had again from its start: it is empty, in memory, or nobody has read from it.
        package var isBodyReplayable: Bool
        /// Whether the request was sent once more already.
        package var isRetry: Bool

        package init(
            method: HTTPRequest.Method, errorCode: MTLSError.Code, isReused: Bool, sawResponse: Bool,
            wroteRequest: Bool, isBodyReplayable: Bool, isRetry: Bool, isResumed: Bool = false
        ) {
            self.method = method
            self.errorCode = errorCode
            self.isReused = isReused
            self.isResumed = isResumed
            self.sawResponse = sawResponse
            self.wroteRequest = wroteRequest
            self.isBodyReplayable = isBodyReplayable
            self.isRetry = isRetry
        }
    }

    package enum Decision: Hashable, Sendable {
        /// Send it again on a connection that was not idle: `lease(distrustingIdle: true)`.
        case retry
        case fail(Reason)
    }

    package enum Reason: String, Sendable {
        case alreadyRetried, errorIsFinal, connectionWasNew, responseBegan, bodyIsGone, notIdempotent
    }

    package static func decide(_ attempt: Attempt) -> Decision {
        if attempt.isRetry { return .fail(.alreadyRetried) }
        switch attempt.errorCode {
        case .responseEmpty, .connectionLost:
            if !attempt.isReused { return .fail(.connectionWasNew) }
        case .clientCertificateRejected, .clientCertificateRequired, .tlsFailed:
            if attempt.isReused || !attempt.isResumed { return .fail(.errorIsFinal) }
        default:
            return .fail(.errorIsFinal)
        }
        if attempt.sawResponse { return .fail(.responseBegan) }
        if !attempt.isBodyReplayable { return .fail(.bodyIsGone) }
        if attempt.wroteRequest, !attempt.method.isIdempotent { return .fail(.notIdempotent) }
        return .retry
    }
}

extension HTTPRequest.Method {
    /// RFC 9110 §9.2.2: whether to ask twice means the same as to ask once.
    package var isIdempotent: Bool {
        switch self {
        case .get, .head, .options, .trace, .put, .delete: true
        default: false
        }
    }
}

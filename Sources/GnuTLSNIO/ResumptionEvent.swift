package import GnuTLS
package import MTLSCore

/// What happens to a connection that later ones may profit from.
package enum ResumptionEvent {
    /// The handshake is over, and has brought these sessions, as TLS 1.2 does. It is told before the
    /// handler's promise is kept.
    case established(HandshakeSummary, [ResumableSession])
    /// Before `established`: the sessions of this server are of an older version than it speaks by now.
    case outdated
    /// The server gave a session after the handshake, as TLS 1.3 does.
    case given(ResumableSession)
    /// The first data came from the server.
    case answered
    /// The server ended the connection by an alert, after the handshake and before any data.
    case rejected(MTLSError)
}

/// Why a session ended. The first failure of a session is kept; later ones only follow from it.
package struct TLSFailure: Error, Sendable {
    package enum Kind: Sendable {
        /// The transport ended without close_notify (RFC 8446 §6.1).
        case truncated
        /// The peer sent a fatal alert.
        case alert(TLSAlert)
        /// The verdict on the peer's certificate was a refusal.
        case refused(any Error)
        /// No certificate could be chosen.
        case choice(any Error)
        /// The key did not sign.
        case signature(any Error)
        /// A signature was asked for where none may be made: before the verdict, or in a step that must not block.
        case signatureOutOfPlace
        /// The peer asked for our certificate, one was configured, and none went out.
        case certificateNotSent
        /// The peer's ALPN answer was not among the offers.
        case protocolNotOffered(String)
        /// A server did not resume the session that it was offered alone.
        case sessionDeclined
        /// The peer answered our hello in plain text, by the protocol of this name.
        case notTLS(String)
        /// The peer sends and sends, and none of it is of use.
        case flood
        /// What the peer wished for after the handshake is not done.
        case laterExchange(LaterExchangeProblem)
        /// GnuTLS found something else.
        case gnutls(GnuTLSError)
    }

    package let kind: Kind

    package init(_ kind: Kind) { self.kind = kind }
}

/// Why another exchange of handshake messages, after the first, is not made.
package enum LaterExchangeProblem: Sendable, Equatable {
    /// The peer has wished for more than ``TLSSession/laterExchangeLimit``.
    case tooMany
    /// HTTP/2 forbids it (RFC 8740 §3, RFC 9113 §9.2.1).
    case forbiddenByHTTP2
    /// We have said close_notify and can send nothing any more.
    case outputClosed
    /// In renegotiation the peer showed another certificate than before, or none by resuming a session.
    case peerChanged
    /// The peer sent data of the application in the middle of it.
    case dataMeanwhile
}

/// An alert (RFC 8446 §6).
package struct TLSAlert: Sendable, Hashable {
    package let number: UInt8
    /// As GnuTLS names it.
    package let name: String
}

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
        /// The peer answered our hello in plain text, by the protocol of this name.
        case notTLS(String)
        /// The peer sends and sends, and none of it is of use.
        case flood
        /// GnuTLS found something else.
        case gnutls(GnuTLSError)
    }

    package let kind: Kind

    package init(_ kind: Kind) { self.kind = kind }
}

/// An alert (RFC 8446 §6).
package struct TLSAlert: Sendable, Hashable {
    package let number: UInt8
    /// As GnuTLS names it.
    package let name: String

    /// Whether the alert is one that a server sends when it does not accept the client's certificate or misses it.
    package var concernsCertificate: Bool {
        // bad_certificate … unknown_ca, access_denied, certificate_required
        (41...49).contains(number) && number != 47 || number == 116
    }
}

public import GnuTLS
import MTLSCore
import NIOCore

/// What one handshake needs to know.
package struct HandshakeConfiguration {
    /// The priorities and credentials, shared by many connections.
    package var context: TLSContext
    /// The peer, as errors name it.
    package var peerName: String
    /// The name for SNI, in the client's role.
    package var serverName: String?
    /// What is asked of clients, in the server's role.
    package var clientCertificate = ClientCertificateDemand.ignored
    /// Whether to offer, or in the server's role to make possible, authentication after the handshake under TLS 1.3.
    package var authenticatesLater = false
    /// Chooses the certificate to show. Runs on the event loop or on the lane, and must not block.
    package var choose: (CertificateRequest) throws -> CertifiedKey? = { _ in nil }
    /// Where the steps after the verdict run, if the certificate that may be chosen has a key that may block.
    package var lane: (any SigningLane)?
    /// Judges the peer's certificates.
    package var judge: Judge
    /// The session to resume. Whoever sets it has judged its chain by ``judge``.
    package var resuming: ResumableSession?
    /// Whether it is offered alone, see ``TLSSession/offer(_:alone:)``.
    package var resumesAlone = false
    /// Told, on the event loop, what concerns resumption.
    package var observe: ((ResumptionEvent) -> Void)?
    /// The time for the handshake without the signature; nil for no limit.
    package var handshakeTimeout: Duration?
    /// The time for the steps on the lane; nil for no limit.
    package var signatureTimeout: Duration?

    /// Judges what the peer showed, on the event loop: answers at once, or returns nil and calls the closure that it was
    /// given, once, from any thread.
    package typealias Judge = (
        _ peer: PresentedChain, _ later: @escaping @Sendable (Result<Void, any Error>) -> Void
    ) -> Result<Void, any Error>?

    package init(context: TLSContext, peerName: String, judge: @escaping Judge) {
        self.context = context
        self.peerName = peerName
        self.judge = judge
    }

    /// Lets go of what no later exchange asks for. A server's certificate is judged again in renegotiation alone.
    mutating func handshakeIsOver() {
        resuming = nil
        if context.role == .client, !context.options.allowsRenegotiation {
            judge = { _, _ in .failure(TLSFailure(.laterExchange(.peerChanged))) }
        }
    }
}

/// What came of a handshake.
public struct HandshakeSummary: Sendable {
    /// The version agreed on.
    public let version: TLSVersion
    /// The cipher suite, by IANA's name where GnuTLS knows it, such as `TLS_AES_256_GCM_SHA384`.
    public let cipherSuite: String
    /// The group of the key exchange, such as `X25519`.
    public let group: String?
    /// How the server signed, such as `ECDSA-SECP256R1-SHA256`; nil in a resumed session, where nobody signs.
    public let serverSignatureAlgorithm: String?
    /// How the client signed, likewise; nil where it showed no certificate.
    public internal(set) var clientSignatureAlgorithm: String?
    /// The application protocol that ALPN agreed on (RFC 7301).
    public let applicationProtocol: String?
    /// Whether an earlier session was resumed, so that nothing was signed.
    public let isResumed: Bool
    /// The certificate that was shown to the peer, in the handshake or after it; nil where it did not ask, or none was
    /// configured. In a resumed session the one that was shown in the full handshake, by which the peer knows the client
    /// still.
    public internal(set) var clientCertificate: Certificate?
    /// Whether that certificate was shown after the handshake: by post-handshake authentication, or by renegotiation.
    public internal(set) var isAuthenticatedLater = false
    /// Whether the peer asked for a certificate.
    public internal(set) var peerAskedForCertificate: Bool
    /// The peer's certificates as it sent them, the leaf first; in a resumed session, in the full handshake.
    public internal(set) var peerChain: [Certificate]
    /// From the first message to the last, the time for the signature included.
    public let duration: Duration
    /// How long a token or signer took for the signatures; zero for keys in memory. Of those that the peer asked for
    /// after the handshake nothing is in ``duration``.
    public internal(set) var signatureDuration: Duration
    /// In the server's role, the name that the client asked for by SNI.
    package let requestedServerName: String?
    /// Whether the key is held elsewhere, so that another full handshake costs another signature there.
    package internal(set) var isKeyExternal: Bool
}

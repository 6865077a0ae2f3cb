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
    /// Chooses the certificate to show. Runs on the event loop or on the lane, and must not block.
    package var choose: (CertificateRequest) throws -> CertifiedKey? = { _ in nil }
    /// Where the steps after the verdict run, if the certificate that may be chosen has a key that may block.
    package var lane: (any SigningLane)?
    /// Judges the peer's certificates.
    package var judge: Judge
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
}

/// What came of a handshake.
public struct HandshakeSummary: Sendable {
    /// The version agreed on.
    public let version: TLSVersion
    /// The cipher suite, group and signature, as GnuTLS describes them.
    public let cipherSuite: String
    /// The application protocol that ALPN agreed on (RFC 7301).
    public let applicationProtocol: String?
    /// Whether an earlier session was resumed, so that nothing was signed.
    public let isResumed: Bool
    /// The certificate that was shown to the peer; nil where it did not ask, or none was configured.
    public let clientCertificate: Certificate?
    /// Whether the peer asked for a certificate.
    public let peerAskedForCertificate: Bool
    /// The peer's certificates as it sent them, the leaf first.
    public let peerChain: [Certificate]
    /// From the first message to the last, the time for the signature included.
    public let duration: Duration
    /// The part of ``duration`` in which a token or signer made the signature; zero for keys in memory.
    public let signatureDuration: Duration
    /// In the server's role, the name that the client asked for by SNI.
    package let requestedServerName: String?
    /// Whether the key is held elsewhere, so that another full handshake costs another signature there.
    package let isKeyExternal: Bool
}

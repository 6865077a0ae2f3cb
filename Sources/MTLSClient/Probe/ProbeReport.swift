public import GnuTLS
public import GnuTLSNIO
public import MTLSCore
public import MTLSIdentity

/// What a ``Probe`` has found out.
public struct ProbeReport: Sendable {
    /// What came of a handshake that offered one version alone, and no client certificate.
    public struct Version: Sendable {
        /// The version that was offered.
        public let version: TLSVersion
        /// Whether the server speaks it, whatever it thinks of clients without a certificate.
        public let isSpoken: Bool
        /// What was agreed on; nil where the handshake did not end.
        public let handshake: HandshakeSummary?
        /// What the server asks of clients; nil where the handshake did not come that far.
        public let demand: Demand?
        /// Why the handshake failed, if not for the lack of a certificate.
        public let failure: MTLSError?
        /// Whether the server stapled an OCSP response; nil where that cannot be told.
        public let isStapled: Bool?
    }

    /// What the server asks of clients in the handshake.
    public enum Demand: String, Sendable {
        /// Nothing. It may still ask for a certificate later, for a part of the site.
        case none
        /// A certificate, but the handshake goes on without one. The server may refuse requests then.
        case requested
        /// A certificate, without which it ends the connection.
        case required
    }

    /// An identity that was configured.
    public struct Candidate: Sendable {
        /// The identity.
        public let identity: ClientIdentity
        /// Whether it is the one that the server would be shown.
        public let isChosen: Bool
        /// Why, or why not, for people.
        public let reason: String
    }

    /// A request that was made, by GET, as any other would be. The response's body is not read.
    public struct Attempt: Sendable {
        /// The status of the response; nil when there was none.
        public internal(set) var status: Int?
        /// The handshake, if it succeeded.
        public internal(set) var handshake: HandshakeSummary?
        /// Whether a second connection resumed the first one's session; nil when none was made.
        public internal(set) var isResumed: Bool?
        /// Why it failed.
        public internal(set) var failure: MTLSError?
    }

    /// How long each phase took; nil for one that was not reached, or cannot be told apart.
    public struct Timings: Sendable {
        /// Finding the host's addresses; nil over a connector of one's own.
        public internal(set) var resolve: Duration?
        /// The transport connection.
        public internal(set) var connect: Duration?
        /// The handshake without the signature.
        public internal(set) var handshake: Duration?
        /// The signature by a key in a token, or elsewhere.
        public internal(set) var signature: Duration?
        /// From the request to the head of its response.
        public internal(set) var firstByte: Duration?
    }

    /// Something that would not keep a request from working, and is worth knowing.
    public struct Note: Sendable {
        /// What there is, for people.
        public let message: String
        /// What to do about it.
        public let remedy: String?
    }

    /// Whom was asked.
    public let origin: Origin
    /// The name that was demanded of the server's certificate.
    public let serverName: String
    /// The host's addresses, where the probe looked them up itself.
    public internal(set) var addresses: [String] = []
    /// One for each version of TLS, the latest first.
    public internal(set) var versions: [Version] = []
    /// The server's certificates as it sent them, the leaf first.
    public internal(set) var chain: [Certificate] = []
    /// Why the server is not trusted; nil when it is, or when it showed no certificate.
    public internal(set) var refusal: MTLSError?
    /// What the server asks of clients; nil when no handshake came that far.
    public internal(set) var demand: Demand?
    /// The issuers that the server says it accepts, as RFC 4514 writes names; none means any.
    public internal(set) var acceptedIssuers: [String] = []
    /// The signature schemes that the server accepts of clients, in its order, as far as they are known here.
    public internal(set) var acceptedSchemes: [SignatureScheme] = []
    /// The identities that were configured, in their order.
    public internal(set) var candidates: [Candidate] = []
    /// The request that was made; nil when there was a reason to make none: see ``error``, else a note says why.
    public internal(set) var attempt: Attempt?
    /// How long the phases took: of ``attempt``, or else of the handshakes.
    public internal(set) var timings = Timings()
    /// What is worth knowing besides.
    public internal(set) var notes: [Note] = []
    /// What a request would throw; nil when it would work, as far as was tried.
    public internal(set) var error: MTLSError?

    init(origin: Origin, serverName: String) {
        self.origin = origin
        self.serverName = serverName
    }
}

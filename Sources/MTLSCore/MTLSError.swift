/// What every operation of this package throws: one type, told apart by ``code``.
///
/// The texts name the file, token or host that is concerned and never hold a secret. Bytes that came from a peer or a
/// token are escaped.
public struct MTLSError: Error, Sendable {
    /// How far a request had come.
    public enum Phase: String, Sendable, CaseIterable {
        /// The request and its options were examined; nothing was done yet.
        case prepare
        /// The client's certificate and key were looked for.
        case identity
        /// The trust anchors were loaded.
        case trust
        /// The request waited for a connection of the pool.
        case wait
        /// The host's name was resolved.
        case resolve
        /// The transport connection was made.
        case connect
        /// A proxy was asked for a tunnel.
        case proxy
        /// The TLS handshake was in progress.
        case handshake
        /// The server's certificate was examined.
        case verify
        /// The client's key was asked for a signature.
        case sign
        /// The request was being sent.
        case request
        /// The response was awaited or being read.
        case response
    }

    /// Who can mend it.
    public enum Fault: String, Sendable, CaseIterable {
        /// The program or person that made the request.
        case caller
        /// The token, its module, or its PIN.
        case token
        /// The server.
        case peer
        /// What lies between.
        case network
        /// This package: please report it.
        case us
    }

    /// What went wrong, stable across releases.
    public let code: Code
    /// How far the request had come.
    public let phase: Phase
    /// Who can mend it.
    public let fault: Fault
    /// One line without a line break, for people.
    public let message: String
    /// What to do about it, where there is something to do.
    public let advice: String?
    /// The origin that was asked, as `https://host:port`, where one was.
    public internal(set) var origin: String?
    /// What was thrown beneath, where there was something.
    public let underlying: (any Error)?

    /// Makes an error.
    ///
    /// - Parameters:
    ///   - code: What went wrong.
    ///   - phase: How far the request had come.
    ///   - fault: Who can mend it.
    ///   - message: One line for people, with no secret in it. Control characters are escaped.
    ///   - advice: What to do about it.
    ///   - origin: The origin that was asked.
    ///   - underlying: What was thrown beneath.
    public init(
        _ code: Code, phase: Phase, fault: Fault, _ message: String, advice: String? = nil, origin: String? = nil,
        underlying: (any Error)? = nil
    ) {
        self.code = code
        self.phase = phase
        self.fault = fault
        self.message = Printable.escape(message)
        self.advice = advice.map(Printable.escape)
        self.origin = origin
        self.underlying = underlying
    }

    /// A name for this kind of error, out of a bounded set, for the labels of metrics.
    public var shortDescription: String { code.rawValue }

    /// The same error, said of `origin`, unless it names one already.
    package func at(_ origin: String) -> MTLSError {
        var copy = self
        copy.origin = copy.origin ?? origin
        return copy
    }
}

extension MTLSError: CustomStringConvertible {
    /// The message, the origin and the advice in one line.
    public var description: String {
        var text = message
        if let origin { text += " [\(origin)]" }
        if let advice { text += " (\(advice))" }
        return text
    }
}

extension MTLSError {
    /// A stable name for what went wrong. The set is open: new codes come with new releases.
    public struct Code: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
        /// The printable name, such as `token.pinIncorrect`.
        public let rawValue: String
        /// Makes a code of one's own, for a connector or an identity source of one's own.
        public init(rawValue: String) { self.rawValue = rawValue }
        /// The printable name.
        public var description: String { rawValue }
    }
}

extension MTLSError.Code {
    private init(_ rawValue: String) { self.init(rawValue: rawValue) }

    /// The URL cannot be used.
    public static let urlInvalid = Self("url.invalid")
    /// The request cannot be sent as it is: a header, method or body that HTTP does not allow.
    public static let requestInvalid = Self("request.invalid")
    /// The client was shut down.
    public static let clientClosed = Self("client.closed")
    /// The agent has as many origins as it may.
    public static let originLimit = Self("client.originLimit")
    /// The task that made the request was cancelled.
    public static let cancelled = Self("request.cancelled")

    /// The file of a certificate, key or passphrase cannot be read.
    public static let identityFileUnreadable = Self("identity.fileUnreadable")
    /// A certificate or key is not in a form that can be read.
    public static let identityMalformed = Self("identity.malformed")
    /// A key is of a kind, or a file has an encryption, that cannot be used.
    public static let identityUnsupported = Self("identity.unsupported")
    /// There is something else where a private key is wanted.
    public static let notAKey = Self("identity.notAKey")
    /// The key's file can be read or changed by others, or is a link, which the policy for key files does not allow.
    public static let keyFileUnsafe = Self("identity.keyFileUnsafe")
    /// The client's certificate has expired.
    public static let identityExpired = Self("identity.expired")
    /// The client's certificate is not valid yet.
    public static let identityNotYetValid = Self("identity.notYetValid")
    /// The key is encrypted and no passphrase was given.
    public static let passphraseMissing = Self("identity.passphraseMissing")
    /// The passphrase does not open the key.
    public static let passphraseIncorrect = Self("identity.passphraseIncorrect")
    /// The key does not belong to the certificate.
    public static let keyMismatch = Self("identity.keyMismatch")
    /// The server asked for a client certificate and none could be sent.
    public static let identityUnusable = Self("identity.unusable")
    /// Several identities fit what the server asks for equally well.
    public static let identityAmbiguous = Self("identity.ambiguous")
    /// The client's certificate is not for TLS clients.
    public static let identityPurpose = Self("identity.purpose")

    /// A file that is to be made is there already.
    public static let fileExists = Self("file.exists")
    /// A file cannot be written.
    public static let fileUnwritable = Self("file.unwritable")
    /// There is no such authority in the directory of a development PKI.
    public static let authorityMissing = Self("pki.authorityMissing")
    /// The authorities of a development PKI have issued no such certificate.
    public static let certificateUnknown = Self("pki.certificateUnknown")

    /// The token's URI breaks the rules of RFC 7512.
    public static let tokenURIInvalid = Self("token.uriInvalid")
    /// The PKCS#11 module is missing or cannot be loaded.
    public static let tokenModuleUnavailable = Self("token.moduleUnavailable")
    /// No token matches the URI.
    public static let tokenNotFound = Self("token.notFound")
    /// More than one token, key or certificate matches the URI.
    public static let tokenAmbiguous = Self("token.ambiguous")
    /// The token has no such key or certificate.
    public static let tokenObjectNotFound = Self("token.objectNotFound")
    /// The token needs a PIN and none was given.
    public static let pinMissing = Self("token.pinMissing")
    /// The token refused the PIN. It is not tried again.
    public static let pinIncorrect = Self("token.pinIncorrect")
    /// The token's PIN is locked, or its last try is left and nobody vouched for the PIN.
    public static let pinLocked = Self("token.pinLocked")
    /// The token was removed.
    public static let tokenRemoved = Self("token.removed")
    /// The token answered with an error.
    public static let tokenFailed = Self("token.failed")
    /// The token, or a signer, returned a signature that its certificate's public key does not verify.
    public static let signatureInvalid = Self("token.signatureInvalid")
    /// The token cannot make a signature that TLS needs.
    public static let mechanismMissing = Self("token.mechanismMissing")

    /// The file of trust anchors cannot be read, or holds none.
    public static let trustUnreadable = Self("trust.unreadable")
    /// What a client is to trust is given in a form that cannot be read, such as a pin.
    public static let trustInvalid = Self("trust.invalid")
    /// The server's chain leads to no trust anchor.
    public static let issuerUnknown = Self("tls.issuerUnknown")
    /// A certificate of the server's chain has expired.
    public static let certificateExpired = Self("tls.certificateExpired")
    /// A certificate of the server's chain is not valid yet.
    public static let certificateNotYetValid = Self("tls.certificateNotYetValid")
    /// The server's certificate is for other names.
    public static let nameMismatch = Self("tls.nameMismatch")
    /// A certificate of the server's chain was revoked.
    public static let certificateRevoked = Self("tls.certificateRevoked")
    /// A certificate of the server's chain rests on an algorithm or key that is too weak.
    public static let certificateWeak = Self("tls.certificateWeak")
    /// The server's certificate is not for servers.
    public static let purposeMismatch = Self("tls.purposeMismatch")
    /// A certificate of the server's chain was not signed by its issuer's key.
    public static let certificateSignatureInvalid = Self("tls.certificateSignatureInvalid")
    /// A certificate of the server's chain breaks the rules of encoding.
    public static let certificateMalformed = Self("tls.certificateMalformed")
    /// A certificate of the server's chain was issued by one that is no authority, or against an authority's constraints.
    public static let constraintViolated = Self("tls.constraintViolated")
    /// More authorities lie between the server's certificate and the anchor than are allowed.
    public static let chainTooDeep = Self("tls.chainTooDeep")
    /// A certificate of the server's chain has a critical extension that is unknown.
    public static let extensionUnknown = Self("tls.extensionUnknown")
    /// The server's public key is none of those that are pinned.
    public static let pinMismatch = Self("tls.pinMismatch")
    /// Whether a certificate of the server's chain was revoked is unknown, and has to be known.
    public static let revocationUnknown = Self("tls.revocationUnknown")
    /// The server stapled no OCSP response, and has to.
    public static let stapleMissing = Self("tls.stapleMissing")
    /// The OCSP response that the server stapled proves nothing.
    public static let stapleInvalid = Self("tls.stapleInvalid")
    /// A check of the caller's own refused the server.
    public static let certificateRefused = Self("tls.certificateRefused")
    /// The server's chain is refused for another reason, which the message tells.
    public static let certificateInvalid = Self("tls.certificateInvalid")
    /// The server rejected the client's certificate.
    public static let clientCertificateRejected = Self("tls.clientCertificateRejected")
    /// The server demands a client certificate and none was configured.
    public static let clientCertificateRequired = Self("tls.clientCertificateRequired")
    /// The handshake failed.
    public static let handshakeFailed = Self("tls.handshakeFailed")
    /// The TLS connection broke down after its handshake.
    public static let tlsFailed = Self("tls.failed")
    /// The server speaks none of the versions of TLS that were offered.
    public static let versionUnsupported = Self("tls.versionUnsupported")
    /// The server knows no host of the name that was asked for.
    public static let serverNameUnknown = Self("tls.serverNameUnknown")
    /// The server speaks none of the application protocols that were offered.
    public static let applicationProtocolUnsupported = Self("tls.applicationProtocolUnsupported")
    /// The server insists on a renegotiation that is not allowed.
    public static let renegotiationDeclined = Self("tls.renegotiationDeclined")
    /// The TLS options contradict each other or are unknown.
    public static let tlsOptionsInvalid = Self("tls.optionsInvalid")
    /// A connector returned a connection that is not authenticated for an origin that demands it.
    public static let connectionInsecure = Self("connect.insecure")

    /// The host's name could not be resolved.
    public static let resolveFailed = Self("resolve.failed")
    /// No connection could be made.
    public static let connectFailed = Self("connect.failed")
    /// The local address or interface that connections are to come from cannot be used.
    public static let localAddressUnavailable = Self("connect.localAddressUnavailable")
    /// The proxy demands credentials, or refused those that it got.
    public static let proxyAuthenticationRequired = Self("proxy.authenticationRequired")
    /// The proxy did not make the tunnel that it was asked for.
    public static let proxyRefused = Self("proxy.refused")
    /// The proxy's answer breaks the rules of its protocol, or is no answer.
    public static let proxyMalformed = Self("proxy.malformed")
    /// Too many requests wait for a connection already.
    public static let queueFull = Self("connect.queueFull")
    /// The connection was lost before the response was whole.
    public static let connectionLost = Self("connection.lost")
    /// The request's body could not be had.
    public static let requestBodyFailed = Self("request.bodyFailed")
    /// The server closed the connection without a response.
    public static let responseEmpty = Self("response.empty")
    /// The response ended before its time.
    public static let responseTruncated = Self("response.truncated")
    /// The response breaks the rules of HTTP.
    public static let responseMalformed = Self("response.malformed")
    /// The response's head, or its trailer section, is larger than allowed.
    public static let responseHeadTooLarge = Self("response.headTooLarge")
    /// The response is larger than the caller allowed.
    public static let responseTooLarge = Self("response.tooLarge")

    /// The response's body is not in the content coding that its head names.
    public static let responseEncodingInvalid = Self("response.encodingInvalid")
    /// The response's status says that the request failed: see ``StatusError``.
    public static let responseStatus = Self("response.status")
    /// There are more redirects than allowed, or they lead in a circle.
    public static let redirectLimit = Self("redirect.limit")
    /// A redirect leads from https to http.
    public static let redirectInsecure = Self("redirect.insecure")
    /// An origin that only a redirect has named demands a client certificate, and no rule names its host.
    public static let identityWithheld = Self("identity.withheld")
    /// A redirect leads to where the request cannot be sent.
    public static let redirectInvalid = Self("redirect.invalid")
    /// A request would have to be sent again, and its body can be had once only.
    public static let requestBodySpent = Self("request.bodySpent")

    /// No connection of the pool came free in time.
    public static let timeoutWait = Self("timeout.wait")
    /// The transport connection was not made in time.
    public static let timeoutConnect = Self("timeout.connect")
    /// The handshake did not end in time.
    public static let timeoutHandshake = Self("timeout.handshake")
    /// The key did not sign in time.
    public static let timeoutSignature = Self("timeout.signature")
    /// The response's head did not come in time.
    public static let timeoutResponseHead = Self("timeout.responseHead")
    /// The response's body stalled.
    public static let timeoutBody = Self("timeout.body")
    /// The whole request took too long.
    public static let timeoutRequest = Self("timeout.request")
    /// A state machine of this package met an event that cannot be.
    public static let invariantViolated = Self("internal.invariantViolated")
}

import CGnuTLS

/// What a key outside GnuTLS is asked to sign.
package enum SigningInput: Sendable, Equatable {
    /// An encoded DigestInfo, to be padded by RSASSA-PKCS1-v1_5 (RFC 8017 §9.2).
    case digestInfo([UInt8])
    /// A digest, for RSASSA-PSS and ECDSA.
    case digest([UInt8], SignatureScheme)
    /// A whole message, for EdDSA.
    case message([UInt8], SignatureScheme)
}

/// A private key that GnuTLS does not hold, for the client's role: a server signs before there is a verdict, which is
/// refused.
package protocol ExternalSigner: AnyObject, Sendable {
    /// The public key of the certificate that it signs for.
    var publicKey: PublicKey { get }

    /// Whether it can sign by `scheme`. Answers from memory: it is asked in the middle of a handshake step that may run
    /// on an event loop.
    func supports(_ scheme: SignatureScheme) -> Bool

    /// The threads that its signatures are made on.
    var lane: any SigningLane { get }

    /// What is known of its holder's past; answers from memory.
    var epoch: KeyEpoch { get }

    /// Signs on a thread of its lane, and may block as long as it takes: a session calls it only in a step that was declared to allow that.
    ///
    /// - Returns: The signature as TLS carries it: ECDSA in DER (RFC 8446 §4.2.3).
    func sign(_ input: SigningInput) throws -> [UInt8]
}

extension ExternalSigner {
    package var epoch: KeyEpoch { KeyEpoch() }
}

/// A span in the life of a key's holder. What was established in an earlier one is not to be relied on.
package struct KeyEpoch: Sendable, Hashable {
    /// How often the holder was found to be gone, such as a token that was pulled.
    package var losses = 0
    /// How often it refused to serve: a PIN was wrong, or said to be right again.
    package var refusals = 0

    package init(losses: Int = 0, refusals: Int = 0) {
        self.losses = losses
        self.refusals = refusals
    }
}

/// Threads that may wait for a key: a token's, or a remote signer's.
package protocol SigningLane: Sendable {
    /// Runs `job` on one of the lane's threads, when one is free.
    ///
    /// - Throws: When the lane takes no more work.
    func submit(_ job: @escaping @Sendable () -> Void) throws -> any LaneTicket
}

/// A job's place in the queue of a ``SigningLane``.
package protocol LaneTicket: Sendable {
    /// Takes the job out of the queue.
    ///
    /// - Returns: Whether the job had not begun, and so never will.
    @discardableResult
    func cancel() -> Bool
}

/// A certificate chain and the key of its leaf, ready to be shown to peers.
package final class CertifiedKey: @unchecked Sendable {  // safe: written in init only, read by GnuTLS
    package enum Key: Sendable {
        case software(PrivateKey)
        case external(any ExternalSigner)
    }

    package let chain: [Certificate]
    package let key: Key
    let entries: UnsafeMutableBufferPointer<gnutls_pcert_st>

    /// - Parameter chain: The leaf first, then the issuers in order, without the root.
    package init(chain: [Certificate], key: Key) throws(GnuTLSError) {
        self.chain = chain
        self.key = key
        entries = .allocate(capacity: max(1, chain.count))
        entries.initialize(repeating: gnutls_pcert_st())
        for (index, certificate) in chain.enumerated() {
            let result = gnutls_pcert_import_x509(entries.baseAddress?.advanced(by: index), certificate.handle, 0)
            if result < 0 {
                for done in 0..<index { gnutls_pcert_deinit(entries.baseAddress?.advanced(by: done)) }
                entries.deallocate()
                throw GnuTLSError(code: result, operation: "gnutls_pcert_import_x509")
            }
        }
    }

    deinit {
        for index in chain.indices { gnutls_pcert_deinit(entries.baseAddress?.advanced(by: index)) }
        entries.deallocate()
    }

    /// The public key of the leaf's private key.
    package var publicKey: PublicKey {
        switch key {
        case .software(let key): key.publicKey
        case .external(let signer): signer.publicKey
        }
    }

    /// The epoch of the key's holder; always the same for a key in memory.
    package var epoch: KeyEpoch {
        if case .external(let signer) = key { signer.epoch } else { KeyEpoch() }
    }

    /// Where a step that may sign has to run; nil for a key that signs at once.
    package var lane: (any SigningLane)? {
        if case .external(let signer) = key { signer.lane } else { nil }
    }
}

/// What the peer demands of the certificate that it asks for (RFC 8446 §4.3.2, RFC 5246 §7.4.4).
package struct CertificateRequest: Sendable {
    /// The distinguished names of accepted issuers in DER; none means any.
    package let acceptedIssuers: [[UInt8]]
    /// The signature schemes that the peer accepts, in its order, as far as they are known here.
    package let schemes: [SignatureScheme]
    private let version: TLSVersion

    /// - Parameter schemes: Those of RSASSA-PKCS1-v1_5 are left out in TLS 1.3, where they are for the signatures of
    ///   certificates alone (RFC 8446 §4.2.3).
    package init(acceptedIssuers: [[UInt8]], schemes: [SignatureScheme], version: TLSVersion) {
        self.acceptedIssuers = acceptedIssuers
        self.schemes = version == .v1_3 ? schemes.filter { !$0.isRSAPKCS1 } : schemes
        self.version = version
    }

    /// Whether a signature by `scheme` and `key` is accepted. TLS 1.3 has one scheme for each curve of ECDSA, where
    /// TLS 1.2 lets hash and curve be combined.
    package func accepts(_ scheme: SignatureScheme, by key: PublicKey) -> Bool {
        if version == .v1_3, case .ecdsa = key.algorithm, scheme != key.schemes.first { return false }
        return schemes.contains(scheme) && key.schemes.contains(scheme)
    }
}

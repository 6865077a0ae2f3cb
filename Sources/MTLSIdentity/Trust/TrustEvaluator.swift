package import GnuTLS
package import MTLSCore

/// Judges server certificates: in handshakes, and for whoever asks about a chain in a file.
///
/// One evaluator serves every connection of a client: the anchors are loaded once.
package final class TrustEvaluator: Sendable {
    private let list: AsyncOnce<TrustList?>
    private let trust: Trust

    package init(_ trust: Trust) {
        self.trust = trust
        list = AsyncOnce { try await TrustLoader.load(trust) }
    }

    /// Whether any server is trusted, whatever it shows.
    package var trustsAnything: Bool {
        if case .anything = trust.kind { true } else { false }
    }

    /// Loads the anchors and the revocation lists, if they have not been.
    ///
    /// - Throws: ``MTLSError`` with ``MTLSError/Code/trustUnreadable``, or the token's errors.
    package func prepare() async throws {
        _ = try await list.value()
    }

    /// A hash of all that decides about a server but the caller's own checks, which are this evaluator's alone; nil before
    /// ``prepare()``.
    package var fingerprint: [UInt8]? {
        guard let made = list.ifMade else { return nil }
        let pins = trust.pins.map(\.description).sorted().joined(separator: " ")
        let policy = "\(trust.revocation) \(trust.ocsp) \(trust.depth.map { "\($0)" } ?? "-") \(pins)"
        return try? HashAlgorithm.sha256.hash(of: Array(policy.utf8) + (made?.fingerprint ?? []))
    }

    /// Judges what a server showed, without the caller's own checks.
    ///
    /// - Parameters:
    ///   - expected: What the leaf must be for; nil for any name.
    ///   - name: The same as the caller wrote it, for errors.
    ///   - purpose: What the leaf must be good for.
    ///   - time: In seconds since 1970 UTC; now when nil.
    /// - Returns: The path from the leaf to the anchor, or the reason for the refusal. Where anything is trusted, the
    ///   path is what was sent.
    package func verdict(
        on peer: PresentedChain, for expected: ServerName?, name: String, purpose: String = KeyPurpose.serverAuth,
        at time: Int64? = nil
    ) -> Result<[Certificate], MTLSError> {
        Result { () throws(MTLSError) in try path(peer, expected, name, purpose, time ?? secondsSince1970()) }
    }

    /// Makes the caller's own checks of a server that passed the others.
    ///
    /// - Throws: ``MTLSError``.
    package func check(_ server: VerifiedServer) async throws(MTLSError) {
        for check in trust.checks {
            do {
                try await check(server)
            } catch let error as MTLSError {
                throw error
            } catch {
                throw MTLSError(
                    .certificateRefused, phase: .verify, fault: .peer,
                    "the certificate of \(server.name) was refused by a check of the caller's: \(error)",
                    underlying: error)
            }
        }
    }

    /// Whether there are checks of the caller's own.
    package var hasChecks: Bool { !trust.checks.isEmpty }

    private func path(
        _ peer: PresentedChain, _ expected: ServerName?, _ name: String, _ purpose: String, _ time: Int64
    ) throws(MTLSError) -> [Certificate] {
        guard let made = list.ifMade else {
            throw MTLSError(
                .invariantViolated, phase: .verify, fault: .us,
                "a server was judged before the trust anchors were loaded")
        }
        if made == nil, trust.pins.isEmpty, trust.checks.isEmpty { return (try? peer.certificates()) ?? [] }
        let chain: [Certificate]
        do { chain = try peer.certificates() } catch { throw TrustRefusal.unreadable(error, name) }
        guard let leaf = chain.first else { throw TrustRefusal.noCertificate(name) }
        guard let list = made else {
            try checkPins(leaf, name)
            return chain
        }
        let outcome: VerificationOutcome
        let policy = PathPolicy(time: time, purpose: purpose, depth: trust.depth ?? PathPolicy.standardDepth)
        do { outcome = try list.verify(chain: chain, policy: policy) } catch {
            throw TrustRefusal.unreadable(error, name)
        }
        switch outcome {
        case .refused(let fault): throw TrustRefusal.error(fault, leaf: leaf, name: name)
        case .trusted(let path):
            if let expected, !leaf.matches(expected) { throw TrustRefusal.wrongName(leaf, name) }
            try checkPins(leaf, name)
            try StapleRules(policy: trust.ocsp, path: path, name: name, time: time).check(peer, chain)
            return path
        }
    }

    private func checkPins(_ leaf: Certificate, _ name: String) throws(MTLSError) {
        guard !trust.pins.isEmpty else { return }
        let seen: PublicKeyPin
        do { seen = try PublicKeyPin(of: leaf) } catch { throw TrustRefusal.unreadable(error, name) }
        guard trust.pins.contains(seen) else { throw TrustRefusal.wrongPin(leaf, seen, name) }
    }
}

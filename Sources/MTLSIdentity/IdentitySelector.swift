package import GnuTLS
package import MTLSCore

import func Glibc.time

/// Chooses among identities by what the server's CertificateRequest accepts.
///
/// 1. Fit is whose certificate is valid today and for clients (extended key usage: absent, clientAuth or any; key usage:
///    absent or with digitalSignature), whose key can sign by an accepted scheme, and one of whose issuers, anywhere in
///    its chain, the server accepts.
/// 2. Where no other is configured, the server's list of issuers does not count: its verdict tells more than our guess.
/// 3. Of fit certificates for the same subject, names and kind of key by the same issuer, the one that is valid longest
///    is shown: the others were renewed.
/// 4. If more than one is left, it is an error: who to be, nobody but the caller can tell.
package enum IdentitySelector {
    /// - Parameter now: Seconds since 1970 UTC.
    /// - Returns: The identity to show; nil when there is none to choose from.
    /// - Throws: ``MTLSError`` when there are identities and none can be used, or several can: an anonymous connection is
    ///   not what the caller asked for. The codes are ``MTLSError/Code/identityUnusable``,
    ///   ``MTLSError/Code/identityAmbiguous``, and for an only candidate ``MTLSError/Code/identityExpired``,
    ///   ``MTLSError/Code/identityNotYetValid`` and ``MTLSError/Code/identityPurpose``.
    package static func choose(
        _ candidates: [ClientIdentity], for request: CertificateRequest, peer: String, now: Int64 = Int64(time(nil))
    ) throws(MTLSError) -> ClientIdentity? {
        let report = report(candidates, for: request, now: now)
        if let error = report.error(peer: peer) { throw error }
        return report.chosen
    }

    /// What ``choose(_:for:peer:now:)`` would do, with its reasons.
    package static func report(
        _ candidates: [ClientIdentity], for request: CertificateRequest, now: Int64 = Int64(time(nil))
    ) -> SelectionReport {
        let isOnly = candidates.dropFirst().allSatisfy { $0.isSameIdentity(as: candidates[0]) }
        var verdicts = candidates.map { refusal($0, request, isOnly: isOnly, now: now) }
        var fit: [Int] = []
        for index in candidates.indices where verdicts[index] == nil {
            guard let rival = fit.firstIndex(where: { candidates[$0].isSameIdentity(as: candidates[index]) }) else {
                fit.append(index)
                continue
            }
            let isLater = candidates[fit[rival]].validity < candidates[index].validity
            let (better, worse) = isLater ? (index, fit[rival]) : (fit[rival], index)
            fit[rival] = better
            verdicts[worse] = .renewed
        }
        return SelectionReport(
            entries: zip(candidates.indices, candidates).map { index, identity in
                .init(identity: identity, verdict: verdicts[index] ?? (fit.count == 1 ? .chosen : .ambiguous))
            })
    }

    private static func refusal(
        _ candidate: ClientIdentity, _ request: CertificateRequest, isOnly: Bool, now: Int64
    ) -> SelectionReport.Verdict? {
        if let leaf = candidate.chain.first {
            if now > leaf.notAfter { return .expired }
            if now < leaf.notBefore { return .notYetValid }
            if !leaf.permits(KeyPurpose.clientAuth) { return .notForClients }
            if let usage = leaf.keyUsage, !usage.contains(.digitalSignature) { return .notForSignatures }
        }
        let key = candidate.certifiedKey.publicKey
        if !request.schemes.isEmpty,
            !request.schemes.contains(where: { request.accepts($0, by: key) && candidate.supports($0) })
        {
            return .keyCannotSign(accepted: request.schemes)
        }
        if !isOnly, !request.acceptedIssuers.isEmpty,
            !candidate.chain.contains(where: { request.acceptedIssuers.contains($0.rawIssuer) })
        {
            return .issuerNotAccepted
        }
        return nil
    }
}

extension ClientIdentity {
    fileprivate func isSameIdentity(as other: ClientIdentity) -> Bool {
        guard let leaf = chain.first, let otherLeaf = other.chain.first else { return false }
        return leaf.isSameIdentity(as: otherLeaf)
    }

    /// In the order of renewals.
    fileprivate var validity: (Int64, Int64) {
        chain.first.map { ($0.notAfter, $0.notBefore) } ?? (.min, .min)
    }
}

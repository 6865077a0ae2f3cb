package import GnuTLS
package import MTLSCore

/// Chooses among identities by what the server's CertificateRequest accepts.
package enum IdentitySelector {
    /// - Returns: The identity to show; nil when there is none to choose from.
    /// - Throws: ``MTLSError`` with ``MTLSError/Code/identityUnusable`` when there are identities and none can be used:
    ///   an anonymous connection is not what the caller asked for.
    package static func choose(
        _ candidates: [ClientIdentity], for request: CertificateRequest, peer: String
    ) throws(MTLSError) -> ClientIdentity? {
        guard !candidates.isEmpty else { return nil }
        var refusals: [String] = []
        for candidate in candidates {
            guard let reason = refusal(candidate, request, isOnly: candidates.count == 1) else { return candidate }
            refusals.append("\(candidate): \(reason)")
        }
        throw MTLSError(
            .identityUnusable, phase: .identity, fault: .caller,
            "\(peer) asks for a client certificate and none of the configured can be used: "
                + refusals.joined(separator: "; "),
            advice: "configure an identity whose key and issuer the server accepts")
    }

    /// Why `candidate` cannot be shown; nil when it can.
    package static func refusal(
        _ candidate: ClientIdentity, _ request: CertificateRequest, isOnly: Bool
    ) -> String? {
        let key = candidate.certifiedKey.publicKey
        if !request.schemes.isEmpty,
            !request.schemes.contains(where: { request.accepts($0, by: key) && candidate.supports($0) })
        {
            let accepted = request.schemes.map { "\($0)" }.joined(separator: ", ")
            return "its key cannot sign by any scheme that the server accepts (\(accepted))"
        }
        // The only candidate is shown whatever the list says: the server's verdict tells more than our guess.
        if !isOnly, !request.acceptedIssuers.isEmpty,
            !candidate.chain.contains(where: { request.acceptedIssuers.contains($0.rawIssuer) })
        {
            return "none of its issuers is among those that the server accepts"
        }
        return nil
    }
}

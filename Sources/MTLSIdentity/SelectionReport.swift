public import GnuTLS
package import MTLSCore

/// Which of several identities a server would be shown, and of each of the others, why not.
public struct SelectionReport: Sendable {
    /// What becomes of a candidate.
    public enum Verdict: Sendable, Hashable {
        /// It is shown.
        case chosen
        /// It fits, but so does another one.
        case ambiguous
        /// It fits, but a certificate for the same subject by the same issuer is valid longer.
        case renewed
        /// Its certificate has expired.
        case expired
        /// Its certificate is not valid yet.
        case notYetValid
        /// The extended key usage of its certificate lacks clientAuth (RFC 5280 §4.2.1.12).
        case notForClients
        /// The key usage of its certificate lacks digitalSignature (RFC 5280 §4.2.1.3).
        case notForSignatures
        /// Its key cannot sign by any scheme that the server accepts.
        case keyCannotSign(accepted: [SignatureScheme])
        /// None of its issuers is among those that the server accepts.
        case issuerNotAccepted
    }

    /// A candidate.
    public struct Entry: Sendable {
        /// The identity.
        public let identity: ClientIdentity
        /// What becomes of it.
        public let verdict: Verdict

        /// The verdict for people, as the continuation of the identity's name.
        public var reason: String {
            let leaf = identity.chain.first
            return switch verdict {
            case .chosen: "it fits"
            case .ambiguous:
                "it fits, valid until \(Calendar.text(leaf?.notAfter ?? 0)), issued by \"\(leaf?.issuer ?? "")\""
            case .renewed: "it fits, but its renewal is valid longer"
            case .expired: "its certificate expired on \(Calendar.text(leaf?.notAfter ?? 0))"
            case .notYetValid: "its certificate is not valid before \(Calendar.text(leaf?.notBefore ?? 0))"
            case .notForClients: "its certificate is not for TLS clients (its extended key usage lacks clientAuth)"
            case .notForSignatures:
                "its certificate does not allow signatures (its key usage lacks digitalSignature)"
            case .keyCannotSign(let schemes):
                "its key cannot sign by any scheme that the server accepts "
                    + "(\(schemes.map { "\($0)" }.joined(separator: ", ")))"
            case .issuerNotAccepted: "none of its issuers is among those that the server accepts"
            }
        }
    }

    /// The candidates, in the order in which they were configured.
    public let entries: [Entry]

    /// The identity that is shown; nil when there is none to choose from, or the choice fails.
    public var chosen: ClientIdentity? { entries.first { $0.verdict == .chosen }?.identity }

    /// Why the choice fails; nil when it does not.
    package func error(peer: String) -> MTLSError? {
        guard chosen == nil, let first = entries.first else { return nil }
        if entries.count == 1, let (code, advice) = Self.own(first.verdict) {
            return MTLSError(
                code, phase: .identity, fault: .caller,
                "\(peer) asks for a client certificate and \(first.identity) cannot be used: \(first.reason)",
                advice: advice)
        }
        let rivals = entries.filter { $0.verdict == .ambiguous }
        let list = (rivals.isEmpty ? entries : rivals).map { "\($0.identity): \($0.reason)" }.joined(separator: "; ")
        return rivals.isEmpty
            ? MTLSError(
                .identityUnusable, phase: .identity, fault: .caller,
                "\(peer) asks for a client certificate and none of the configured can be used: \(list)",
                advice: "configure an identity whose key and issuer the server accepts")
            : MTLSError(
                .identityAmbiguous, phase: .identity, fault: .caller,
                "\(peer) asks for a client certificate and \(rivals.count) of the configured fit: \(list)",
                advice: "name the one for this host, such as with Identity.perHost")
    }

    private static func own(_ verdict: Verdict) -> (MTLSError.Code, String)? {
        switch verdict {
        case .expired: (.identityExpired, "have the certificate renewed")
        case .notYetValid: (.identityNotYetValid, "check this machine's clock, or wait")
        case .notForClients, .notForSignatures: (.identityPurpose, "ask for a certificate for client authentication")
        default: nil
        }
    }
}

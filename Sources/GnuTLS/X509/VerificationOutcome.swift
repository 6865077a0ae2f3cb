/// What became of a chain.
package enum VerificationOutcome: Sendable {
    /// The path that was built, from the leaf to the trust anchor.
    case trusted(path: [Certificate])
    case refused(Refusal)

    package struct Refusal: Sendable {
        package let status: VerificationStatus
        /// The certificate that GnuTLS holds it against, where it said so.
        package let certificate: Certificate?
        /// One sentence for people, without advice.
        package let text: String
    }
}

extension VerificationOutcome.Refusal {
    /// GnuTLS may try several paths: the first step that failed as the whole did is the one to blame. A wrong purpose
    /// is reported of the leaf or of no step at all.
    init(_ status: VerificationStatus, chain: [Certificate], purpose: String?, steps: [VerificationStep]) {
        let reasons = status.subtracting(.invalid)
        let step = steps.first { !$0.status.isDisjoint(with: reasons) }
        var culprit = step.flatMap { step in chain.first { $0.der == step.certificate } }
        if let purpose, status.contains(.purposeMismatch) { culprit = chain.first { !$0.permits(purpose) } ?? culprit }
        self.status = status
        certificate = culprit
        var text = culprit.map { "certificate \"\($0.subject)\": \(status)" } ?? "the chain is refused: \(status)"
        if let culprit, status.contains(.signerNotFound) { text += " (issuer \"\(culprit.issuer)\")" }
        self.text = text
    }
}

extension Certificate {
    /// Whether the certificate is for `purpose`: it names it, or any purpose, or none at all.
    package func permits(_ purpose: String) -> Bool {
        extendedKeyUsages.isEmpty || extendedKeyUsages.contains(purpose) || extendedKeyUsages.contains(KeyPurpose.any)
    }
}

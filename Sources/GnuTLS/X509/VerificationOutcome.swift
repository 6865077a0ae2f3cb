/// What became of a chain.
package enum VerificationOutcome: Sendable {
    /// The path that was built, from the leaf to the trust anchor.
    case trusted(path: [Certificate])
    case refused(PathFault)
}

extension Certificate {
    /// Whether the certificate is for `purpose`: it names it, or any purpose, or none at all.
    package func permits(_ purpose: String) -> Bool {
        extendedKeyUsages.isEmpty || extendedKeyUsages.contains(purpose) || extendedKeyUsages.contains(KeyPurpose.any)
    }
}

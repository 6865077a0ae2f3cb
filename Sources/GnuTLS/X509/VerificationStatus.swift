/// What GnuTLS holds against a chain: the bits of its `gnutls_certificate_status_t`.
package struct VerificationStatus: OptionSet, Sendable, Hashable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Set beside every other bit.
    package static let invalid = Self(rawValue: 1 << 1)
    package static let revoked = Self(rawValue: 1 << 5)
    package static let signerNotFound = Self(rawValue: 1 << 6)
    package static let signerNotCA = Self(rawValue: 1 << 7)
    package static let insecureAlgorithm = Self(rawValue: 1 << 8)
    package static let notActivated = Self(rawValue: 1 << 9)
    package static let expired = Self(rawValue: 1 << 10)
    package static let signatureFailure = Self(rawValue: 1 << 11)
    package static let revocationDataSuperseded = Self(rawValue: 1 << 12)
    package static let unexpectedOwner = Self(rawValue: 1 << 14)
    package static let revocationDataIssuedInFuture = Self(rawValue: 1 << 15)
    package static let signerConstraintsFailure = Self(rawValue: 1 << 16)
    package static let mismatch = Self(rawValue: 1 << 17)
    package static let purposeMismatch = Self(rawValue: 1 << 18)
    package static let missingOCSPStatus = Self(rawValue: 1 << 19)
    package static let invalidOCSPStatus = Self(rawValue: 1 << 20)
    package static let unknownCriticalExtensions = Self(rawValue: 1 << 21)
}

extension VerificationStatus: CustomStringConvertible {
    private static let reasons: [(VerificationStatus, String)] = [
        (.revoked, "it was revoked"),
        (.signerNotFound, "its issuer is unknown"),
        (.signerNotCA, "its issuer is not a certificate authority"),
        (.insecureAlgorithm, "its key or signature is too weak"),
        (.notActivated, "it is not valid yet"),
        (.expired, "it has expired"),
        (.signatureFailure, "its signature is wrong"),
        (.revocationDataSuperseded, "its revocation data are out of date"),
        (.unexpectedOwner, "it belongs to another name"),
        (.revocationDataIssuedInFuture, "its revocation data are dated in the future"),
        (.signerConstraintsFailure, "its issuer's constraints forbid it"),
        (.mismatch, "it is not the expected certificate"),
        (.purposeMismatch, "it is not for this purpose"),
        (.missingOCSPStatus, "its OCSP status is missing"),
        (.invalidOCSPStatus, "its OCSP status is invalid"),
        (.unknownCriticalExtensions, "it has critical extensions that are unknown"),
    ]

    /// The reasons as parts of a sentence about the certificate, joined by commas.
    package var description: String {
        let reasons = Self.reasons.filter { contains($0.0) }.map(\.1)
        return reasons.isEmpty ? "it is not valid" : reasons.joined(separator: ", ")
    }
}

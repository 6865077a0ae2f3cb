/// What is held against a chain, and against which certificate of it.
package struct PathFault: Sendable {
    package enum Reason: Sendable, Hashable {
        /// It breaks the rules of encoding, in this part.
        case malformed(String)
        /// Its issuer is neither among the anchors nor in the chain.
        case issuerUnknown
        /// The key of its issuer has not signed it.
        case signatureInvalid
        /// Since then, in seconds since 1970 UTC.
        case expired(Int64)
        case notYetValid(Int64)
        /// Its key, or the signature on it.
        case weak(String)
        /// It has signed another certificate and may not.
        case notAuthority(String)
        /// More authorities are below it than it allows.
        case pathTooLong(Int)
        /// More authorities lie between leaf and anchor than the caller allows.
        case tooDeep(Int)
        /// An authority forbids this name of the certificate.
        case nameForbidden(String, by: String)
        /// It is not for this purpose, a dotted OID.
        case purpose(String, String)
        /// A critical extension, by its OID.
        case unknownExtension(String)
        case revoked(Revocation)
        /// Nobody says whether it was revoked.
        case revocationUnknown(String)
        /// More paths would have to be tried than is sensible.
        case tooManyPaths
        /// What GnuTLS alone holds against it.
        case other(VerificationStatus)
    }

    package let reason: Reason
    package let certificate: Certificate

    init(_ reason: Reason, of certificate: Certificate) {
        self.reason = reason
        self.certificate = certificate
    }

    /// One sentence for people, without advice.
    package var text: String { "certificate \"\(certificate.subject)\": \(reason.text(certificate))" }
}

/// That a certificate was revoked.
package struct Revocation: Sendable, Hashable {
    /// In seconds since 1970 UTC.
    package let date: Int64
    /// The CRLReason of RFC 5280 §5.3.1, where one is given.
    package let reason: Int?

    /// For people, such as "key compromise".
    package var reasonText: String? {
        switch reason {
        case 1: "key compromise"
        case 2: "compromise of the authority's key"
        case 3: "change of affiliation"
        case 4: "superseded"
        case 5: "cessation of operation"
        case 6: "on hold"
        case 9: "privilege withdrawn"
        case 10: "compromise of the attribute authority"
        default: nil
        }
    }
}

extension PathFault.Reason {
    func text(_ certificate: Certificate) -> String {
        switch self {
        case .malformed(let what): "\(what) breaks the rules of RFC 5280"
        case .issuerUnknown: "its issuer is unknown (issuer \"\(certificate.issuer)\")"
        case .signatureInvalid: "its signature is wrong"
        case .expired: "it has expired"
        case .notYetValid: "it is not valid yet"
        case .weak(let what): "\(what) is too weak"
        case .notAuthority(let why): "it may not sign certificates: \(why)"
        case .pathTooLong(let length): "more than \(length) authorities stand below it"
        case .tooDeep(let depth): "more than \(depth) authorities stand between leaf and anchor"
        case .nameForbidden(let name, let authority): "\"\(authority)\" forbids its name \(name)"
        case .purpose(_, let why): "it is not for this purpose: \(why)"
        case .unknownExtension(let oid): "its critical extension \(oid) is unknown"
        case .revoked: "it was revoked"
        case .revocationUnknown(let why): "whether it was revoked is unknown: \(why)"
        case .tooManyPaths: "too many paths lead from it"
        case .other(let status): "\(status)"
        }
    }

    /// What GnuTLS's bits say, the most telling first.
    init(_ status: VerificationStatus, of certificate: Certificate) {
        self =
            if status.contains(.signerNotFound) {
                .issuerUnknown
            } else if status.contains(.expired) {
                .expired(certificate.notAfter)
            } else if status.contains(.notActivated) {
                .notYetValid(certificate.notBefore)
            } else if status.contains(.insecureAlgorithm) {
                .weak("its key, or the signature on it,")
            } else if status.contains(.signatureFailure) {
                .signatureInvalid
            } else {
                .other(status)
            }
    }
}

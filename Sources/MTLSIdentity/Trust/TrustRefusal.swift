import GnuTLS
import MTLSCore

import func Glibc.gmtime_r
import struct Glibc.tm

/// Why a chain was refused: one code for each reason, with what the certificate says in the text.
enum TrustRefusal {
    static func error(_ fault: PathFault, leaf: Certificate, name: String) -> MTLSError {
        let certificate = fault.certificate
        let isLeaf = certificate == leaf
        let (code, reason, advice): (MTLSError.Code, String, String?) =
            switch fault.reason {
            case .expired(let date):
                (
                    .certificateExpired, "expired on \(Calendar.text(date))",
                    isLeaf ? "the server needs a new certificate" : nil
                )
            case .notYetValid(let date):
                (
                    .certificateNotYetValid, "is not valid before \(Calendar.text(date))",
                    "check this machine's clock"
                )
            case .issuerUnknown where certificate.isSelfIssued:
                (
                    .issuerUnknown, "is its own issuer and not among the trust anchors",
                    "name its file as a trust anchor, if you trust it"
                )
            case .issuerUnknown:
                (
                    .issuerUnknown,
                    "was issued by \"\(certificate.issuer)\", which is neither among the trust anchors nor in the chain",
                    "name the file of the issuer's certificate as a trust anchor, if you trust it; if it is no root, the server should send it"
                )
            case .signatureInvalid:
                (
                    .certificateSignatureInvalid,
                    "has a signature that is not of the key of its issuer \"\(certificate.issuer)\"", nil
                )
            case .malformed(let what):
                (.certificateMalformed, "breaks the rules of RFC 5280 in \(what)", nil)
            case .weak(let what):
                (.certificateWeak, "is too weak: \(what) is below 112 bits of security, or not fit for TLS", nil)
            case .purpose(let purpose, let why):
                (
                    .purposeMismatch,
                    "is not for \(purpose == KeyPurpose.clientAuth ? "TLS clients" : "TLS servers"): \(why)", nil
                )
            case .notAuthority(let why):
                (.constraintViolated, "has signed another and is no authority: \(why)", nil)
            case .pathTooLong(let length):
                (.constraintViolated, "allows \(length) authorities below itself, and more are there", nil)
            case .nameForbidden(let forbidden, let authority):
                (
                    .constraintViolated, "has the name \(forbidden), which its authority \"\(authority)\" may not give",
                    nil
                )
            case .tooDeep(let depth):
                (.chainTooDeep, "has more than \(depth) authorities between itself and a trust anchor", nil)
            case .tooManyPaths:
                (.chainTooDeep, "leads to its trust anchors by more paths than are tried", nil)
            case .unknownExtension(let oid):
                (.extensionUnknown, "has the critical extension \(oid), which is not understood", nil)
            case .revoked(let revocation):
                (.certificateRevoked, text(revocation), nil)
            case .revocationUnknown(let why):
                (.revocationUnknown, "may have been revoked: \(why)", "get the current revocation list of its issuer")
            case .other:
                (.certificateInvalid, "is refused: \(fault.text)", nil)
            }
        return MTLSError(
            code, phase: .verify, fault: .peer, "\(which(certificate, isLeaf: isLeaf, name)) \(reason)", advice: advice)
    }

    static func which(_ certificate: Certificate, isLeaf: Bool, _ name: String) -> String {
        let subject =
            certificate.subject.isEmpty
            ? "with the serial number \(certificate.serialNumber)"
            : "\"\(certificate.subject)\""
        return isLeaf ? "the certificate of \(name), \(subject)," : "the certificate \(subject) in the chain of \(name)"
    }

    static func revoked(
        _ revocation: Revocation, _ certificate: Certificate, isLeaf: Bool, _ name: String
    ) -> MTLSError {
        MTLSError(
            .certificateRevoked, phase: .verify, fault: .peer,
            "\(which(certificate, isLeaf: isLeaf, name)) \(text(revocation))")
    }

    private static func text(_ revocation: Revocation) -> String {
        "was revoked on \(Calendar.text(revocation.date))" + (revocation.reasonText.map { " (\($0))" } ?? "")
    }

    static func unreadable(_ error: GnuTLSError, _ name: String) -> MTLSError {
        MTLSError(
            error.concernsPublicKey ? .certificateWeak : .certificateMalformed, phase: .verify, fault: .peer,
            error.concernsPublicKey
                ? "a certificate of \(name) has a public key that is not fit for TLS: \(error.message)"
                : "a certificate of \(name) cannot be read: \(error.message)", underlying: error)
    }

    static func noCertificate(_ name: String) -> MTLSError {
        MTLSError(.certificateInvalid, phase: .verify, fault: .peer, "\(name) sent no certificate")
    }

    static func wrongPin(_ leaf: Certificate, _ seen: PublicKeyPin, _ name: String) -> MTLSError {
        MTLSError(
            .pinMismatch, phase: .verify, fault: .peer,
            "\(which(leaf, isLeaf: true, name)) has a public key that is not pinned: \(seen)",
            advice: "if the server has changed its key and you know it, pin the one that was seen")
    }

    static func wrongName(_ leaf: Certificate, _ name: String) -> MTLSError {
        let names = leaf.dnsNames + leaf.ipAddresses
        let held =
            names.isEmpty
            ? "it has no subject alternative name that is a DNS name or an address" : "it is for \(list(names))"
        return MTLSError(
            .nameMismatch, phase: .verify, fault: .peer,
            "the certificate of \(name), \"\(leaf.subject)\", is not for that name: \(held)",
            advice: "use a name that it is for, or set the server name that is to be verified")
    }

    /// A server may have hundreds of names.
    private static func list(_ names: [String]) -> String {
        let some = names.prefix(20).map { $0.count > 100 ? "\($0.prefix(100))…" : $0 }.joined(separator: ", ")
        return names.count > 20 ? "\(some) and \(names.count - 20) more" : some
    }
}

/// Dates in UTC (RFC 3339).
enum Calendar {
    static func text(_ seconds: Int64) -> String {
        var time = Int(seconds)
        var parts = tm()
        guard gmtime_r(&time, &parts) != nil else { return "an unknown date" }
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(Int(parts.tm_year) + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday)) "
            + "\(two(parts.tm_hour)):\(two(parts.tm_min)) UTC"
    }
}

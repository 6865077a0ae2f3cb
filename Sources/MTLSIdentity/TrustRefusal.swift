import GnuTLS
import MTLSCore

import func Glibc.gmtime_r
import struct Glibc.tm

/// Why a chain was refused: one code for each reason, with what the certificate says in the text.
enum TrustRefusal {
    static func error(_ refusal: VerificationOutcome.Refusal, leaf: Certificate, name: String) -> MTLSError {
        let certificate = refusal.certificate ?? leaf
        let subject = "\"\(certificate.subject)\""
        let which =
            certificate == leaf
            ? "the certificate of \(name), \(subject)," : "the certificate \(subject) in the chain of \(name)"
        let (code, reason, advice): (MTLSError.Code, String, String?) =
            if refusal.status.contains(.expired) {
                (
                    .certificateExpired, "expired on \(Calendar.text(certificate.notAfter))",
                    "the server needs a new certificate"
                )
            } else if refusal.status.contains(.notActivated) {
                (
                    .certificateNotYetValid, "is not valid before \(Calendar.text(certificate.notBefore))",
                    "check this machine's clock"
                )
            } else if refusal.status.contains(.revoked) {
                (.certificateRevoked, "was revoked", nil)
            } else if refusal.status.contains(.signerNotFound) {
                (
                    .issuerUnknown, "was issued by \"\(certificate.issuer)\", which is not among the trust anchors",
                    "name the file of the issuer's certificate as a trust anchor, if you trust it"
                )
            } else if refusal.status.contains(.purposeMismatch) {
                (.purposeMismatch, "is not for servers", nil)
            } else if refusal.status.contains(.insecureAlgorithm) {
                (.certificateWeak, "rests on an algorithm or key that is too weak", nil)
            } else {
                (.certificateInvalid, "is refused: \(refusal.text)", nil)
            }
        return MTLSError(code, phase: .verify, fault: .peer, "\(which) \(reason)", advice: advice)
    }

    static func wrongName(_ leaf: Certificate, _ name: String) -> MTLSError {
        let names = leaf.dnsNames + leaf.ipAddresses
        let held = names.isEmpty ? "it has no subject alternative name" : "it is for \(list(names))"
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

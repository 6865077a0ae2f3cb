import GnuTLS

/// What can be said of a certificate chain without a token.
struct CertificateChecks {
    let chain: [Certificate]
    /// Certificates that are at hand beside the chain.
    let others: [Certificate]
    /// Seconds since 1970 UTC.
    let now: Int64
    let soon: Int64
    /// How to ask for another certificate.
    let renewal: String

    func run(_ report: inout IdentityReport) {
        let faults = report.findings.count
        for certificate in chain { dates(of: certificate, &report) }
        if report.findings.count == faults, let first = chain.map(\.notAfter).min() {
            report.ok(.certificateDates, "the certificate is valid until \(Calendar.text(first))")
        }
        guard let leaf = chain.first else { return }
        purpose(of: leaf, &report)
        completeness(leaf, &report)
    }

    private func dates(of certificate: Certificate, _ report: inout IdentityReport) {
        let name = "the certificate \"\(certificate.subject)\""
        if now > certificate.notAfter {
            report.fail(
                .certificateExpired, "\(name) expired on \(Calendar.text(certificate.notAfter))", remedy: renewal)
        } else if now < certificate.notBefore {
            report.fail(
                .certificateNotYetValid, "\(name) is not valid before \(Calendar.text(certificate.notBefore))",
                remedy: "check this computer's clock (now: \(Calendar.text(now))), or wait")
        } else if certificate.notAfter - now < soon {
            report.warn(
                .certificateExpiresSoon, "\(name) expires on \(Calendar.text(certificate.notAfter))", remedy: renewal)
        }
    }

    private func purpose(of leaf: Certificate, _ report: inout IdentityReport) {
        let purposes = leaf.extendedKeyUsages
        if !purposes.isEmpty, !purposes.contains(KeyPurpose.clientAuth), !purposes.contains(KeyPurpose.any) {
            report.fail(
                .certificatePurpose, "the certificate is not for TLS clients (its extended key usage lacks clientAuth)",
                remedy: "ask for a certificate for client authentication")
        } else if let usage = leaf.keyUsage, !usage.contains(.digitalSignature) {
            report.fail(
                .certificatePurpose, "the certificate does not allow signatures (its key usage lacks digitalSignature)",
                remedy: "ask for a certificate with the key usage digitalSignature")
        }
    }

    /// Roots are not sent, so the chain ends rightly below one.
    private func completeness(_ leaf: Certificate, _ report: inout IdentityReport) {
        guard let last = chain.last else { return }
        if leaf.isSelfIssued {
            report.warn(
                .chainSelfSigned, "the certificate is its own issuer: servers must know this very certificate",
                remedy: "for more than tests have it issued by an authority")
        } else if last.isSelfIssued || others.contains(where: { $0.isSelfIssued && $0.rawSubject == last.rawIssuer }) {
            report.ok(.chain, "\(sent), complete up to the root \"\(last.issuer)\"")
        } else if chain.count > 1 {
            report.ok(.chain, "\(sent), up to one issued by \"\(last.issuer)\"")
        } else {
            report.warn(
                .chainIncomplete, "the certificate is sent alone, without its issuer \"\(last.issuer)\"",
                remedy: "if that is no root, store it beside the certificate: `mtls keys import` with the whole chain")
        }
    }

    private var sent: String { chain.count == 1 ? "1 certificate is sent" : "\(chain.count) certificates are sent" }
}

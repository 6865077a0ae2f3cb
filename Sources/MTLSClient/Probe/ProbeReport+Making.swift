import GnuTLS
import MTLSCore
import MTLSIdentity

import func Glibc.time

extension ProbeReport.Version {
    init(_ version: TLSVersion, _ sighting: ProbeHandshake.Sighting) {
        self.version = version
        handshake = sighting.summary
        demand = sighting.demand
        failure = sighting.missingCertificate == nil ? sighting.failure : nil
        isStapled = sighting.isStapled
        // Nothing else was offered: whoever shows a certificate has agreed.
        isSpoken = sighting.summary != nil || sighting.chain != nil
    }
}

extension ProbeReport {
    /// Says of each identity what the server's request makes of it.
    mutating func choose(_ identities: [ClientIdentity], _ request: CertificateRequest?, peer: String) {
        guard let request else {
            candidates = identities.map {
                Candidate(identity: $0, isChosen: false, reason: "the server did not ask for a certificate")
            }
            return
        }
        let report = IdentitySelector.report(identities, for: request)
        error = error ?? report.error(peer: peer)
        candidates = report.entries.map { entry in
            Candidate(identity: entry.identity, isChosen: entry.verdict == .chosen, reason: entry.reason)
        }
        if let chosen = report.chosen, !request.acceptedIssuers.isEmpty,
            !chosen.chain.contains(where: { request.acceptedIssuers.contains($0.rawIssuer) })
        {
            notes.append(
                Note(
                    message: "the server does not list the issuer of \(chosen) among those that it accepts",
                    remedy: "it may reject the certificate: ask its administrator for the issuers that it trusts"))
        }
    }

    /// Looks at what was found for what is worth saying.
    mutating func addNotes(now: Int64 = Int64(time(nil))) {
        for version in versions where !version.isSpoken && versions.contains(where: \.isSpoken) {
            notes.append(
                Note(message: "the server does not speak \(version.version.rawValue)", remedy: nil))
        }
        if !versions.isEmpty, versions.allSatisfy({ !$0.isSpoken }),
            versions.contains(where: { $0.failure?.phase == .handshake })
        {
            notes.append(
                Note(
                    message: "the server agrees to neither TLS 1.2 nor TLS 1.3",
                    remedy: "if it speaks earlier versions only, it has to be updated: they are broken"))
        }
        if let leaf = chain.first, leaf.notAfter > now, leaf.notAfter - now < 30 * 86_400 {
            notes.append(
                Note(
                    message: "the server's certificate expires in \((leaf.notAfter - now) / 86_400) days",
                    remedy: "its administrator should renew it"))
        }
        if demand == .requested, candidates.isEmpty {
            notes.append(
                Note(
                    message: "the server asks for a client certificate and goes on without one: it may refuse requests"
                        + (attempt?.status.map { " (it answered with status \($0))" } ?? ""),
                    remedy: "configure an identity for this host"))
        }
        if demand == ProbeReport.Demand.none, !candidates.isEmpty {
            notes.append(
                Note(
                    message: "the server does not ask for a client certificate in the handshake, so none is shown",
                    remedy: "it may ask for one later, for some of its paths; else look at the server's configuration"))
        }
    }
}

extension MTLSError {
    /// `error` itself, if it is one of this package's.
    static func wrapping(_ error: any Error, _ code: Code, _ phase: Phase) -> MTLSError {
        error as? MTLSError ?? MTLSError(code, phase: phase, fault: .caller, "\(error)", underlying: error)
    }
}

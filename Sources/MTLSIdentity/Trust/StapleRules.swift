import GnuTLS
import MTLSCore

/// What is demanded of the OCSP responses stapled to a handshake (RFC 6066 §8, RFC 8446 §4.4.2.1, RFC 7633).
///
/// Every staple to a certificate of the path has to be good; one to a certificate beside the path says nothing. An anchor
/// needs none: nobody above it could speak of it.
struct StapleRules {
    let policy: OCSPPolicy
    /// From the leaf to the anchor.
    let path: [Certificate]
    let name: String
    let time: Int64

    func check(_ peer: PresentedChain, _ sent: [Certificate]) throws(MTLSError) {
        // A resumed session brings no staples, and needs none: it was judged when it was made.
        guard policy != .off, let staples = peer.staples else { return }
        for (position, certificate) in path.dropLast().enumerated() {
            let index = sent.firstIndex(of: certificate)
            let staple = index.flatMap { $0 < staples.count && !staples[$0].isEmpty ? staples[$0] : nil }
            if let staple {
                try judge(OCSPResponse(der: staple), certificate, issuer: path[position + 1])
            } else if position == 0 {
                try demand(of: certificate)
            }
        }
    }

    private func demand(of leaf: Certificate) throws(MTLSError) {
        if policy == .required {
            throw refusal(.stapleMissing, leaf, "came without an OCSP staple, which is demanded")
        }
        if leaf.demandsStaple {
            throw refusal(
                .stapleMissing, leaf, "came without an OCSP staple, which it demands itself (RFC 7633)",
                advice: "the server has to staple an OCSP response")
        }
    }

    private func judge(_ response: OCSPResponse, _ certificate: Certificate, issuer: Certificate) throws(MTLSError) {
        let status: OCSPResponse.Status
        do throws(OCSPResponse.Fault) {
            status = try response.status(of: certificate, issuer: issuer, at: time)
        } catch {
            switch error {
            case .invalid(let why):
                throw refusal(.stapleInvalid, certificate, "came with an OCSP staple that proves nothing: \(why)")
            case .outOfForce(let why):
                throw refusal(.revocationUnknown, certificate, "came with an OCSP staple that is not in force: \(why)")
            }
        }
        switch status {
        case .good: break
        case .unknown:
            throw refusal(.revocationUnknown, certificate, "is unknown to the responder whose OCSP staple came with it")
        case .revoked(let revocation):
            throw TrustRefusal.revoked(revocation, certificate, isLeaf: certificate == path.first, name)
        }
    }

    private func refusal(
        _ code: MTLSError.Code, _ certificate: Certificate, _ what: String, advice: String? = nil
    ) -> MTLSError {
        let which = TrustRefusal.which(certificate, isLeaf: certificate == path.first, name)
        return MTLSError(code, phase: .verify, fault: .peer, "\(which) \(what)", advice: advice)
    }
}

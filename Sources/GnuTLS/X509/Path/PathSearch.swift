/// Looks for a good path from a leaf to an anchor.
///
/// # Theory of operation
/// A server may send its certificates in any order, too many of them, and authorities that have signed one another: from
/// a certificate several paths may lead on, and one good path is enough. So the search goes from the leaf to whoever may
/// have issued it, anchors first, and comes back where a path fails. An authority that stands in the path under the same
/// name and with the same key is not taken again, so no loop is followed. Where there is only one issuer to choose from,
/// its signature is left to the verification of the whole path; where there are several, only those that signed are
/// followed.
///
/// The work is bounded, whatever a server sends: ``visits`` certificates are looked at, ``signatures`` verified where
/// there is a choice, ``paths`` paths examined.
///
/// When no path is good, the fault to report is that of the path that came furthest: a whole path, then a signature, then
/// an issuer that is not known.
struct PathSearch {
    private let anchors: AnchorIndex
    private let policy: PathPolicy
    private let examine: ([CertificateProfile]) throws(GnuTLSError) -> PathFault?
    private var pool: [[UInt8]: [CertificateProfile]] = [:]
    /// By their names, what is wrong with certificates that cannot be read strictly.
    private var malformed: [[UInt8]: PathFault] = [:]
    private var visits = 512
    private var signatures = 128
    private var paths = 16
    private var best: (rank: Int, fault: PathFault)?

    /// - Parameters:
    ///   - others: What came beside the leaf, in any order.
    ///   - examine: Says what is wrong with a whole path.
    init(
        anchors: AnchorIndex, others: [Certificate], policy: PathPolicy,
        examine: @escaping ([CertificateProfile]) throws(GnuTLSError) -> PathFault?
    ) {
        self.anchors = anchors
        self.policy = policy
        self.examine = examine
        malformed = anchors.malformed
        var seen: Set<Certificate> = []
        for other in others where !anchors.contains(other) && seen.insert(other).inserted {
            do throws(MalformedDER) {
                pool[other.rawSubject, default: []].append(try CertificateProfile(other))
            } catch {
                malformed[other.rawSubject] = PathFault(.malformed(error.what), of: other)
            }
        }
    }

    enum Outcome {
        case found([CertificateProfile])
        case failed(PathFault)
    }

    /// The first good path, or the fault of the best one.
    mutating func run(from leaf: Certificate) throws(GnuTLSError) -> Outcome {
        let profile: CertificateProfile
        do throws(MalformedDER) { profile = try CertificateProfile(leaf) } catch {
            return .failed(PathFault(.malformed(error.what), of: leaf))
        }
        let path = anchors.contains(leaf) ? try complete([profile]) : try extend([profile])
        if let path { return .found(path) }
        return .failed(best?.fault ?? PathFault(.issuerUnknown, of: leaf))
    }

    private mutating func extend(_ path: [CertificateProfile]) throws(GnuTLSError) -> [CertificateProfile]? {
        guard let last = path.last else { return nil }
        visits -= 1
        guard visits > 0, paths > 0 else {
            note(4, PathFault(.tooManyPaths, of: path[0].certificate))
            return nil
        }
        var known = anchors.issuers(of: last)
        var sent = (pool[last.certificate.rawIssuer] ?? []).filter { candidate in
            candidate.mayHaveIssued(last)
                && !path.contains {
                    $0.certificate.rawSubject == candidate.certificate.rawSubject
                        && $0.certificate.publicKey == candidate.certificate.publicKey
                }
        }
        if known.isEmpty, sent.isEmpty {
            if let fault = malformed[last.certificate.rawIssuer] { note(2, fault) }
            note(1, PathFault(.issuerUnknown, of: last.certificate))
        }
        if known.count + sent.count > 1 {
            known = signers(of: last, among: known)
            sent = signers(of: last, among: sent)
            if known.isEmpty, sent.isEmpty { note(2, PathFault(.signatureInvalid, of: last.certificate)) }
        }
        for anchor in known {
            if let path = try complete(path + [anchor]) { return path }
        }
        for issuer in sent {
            guard path.count <= policy.depth else {
                note(3, PathFault(.tooDeep(policy.depth), of: path[0].certificate))
                break
            }
            if let path = try extend(path + [issuer]) { return path }
        }
        return nil
    }

    private mutating func signers(
        of profile: CertificateProfile, among candidates: [CertificateProfile]
    ) -> [CertificateProfile] {
        candidates.filter { candidate in
            signatures -= 1
            return signatures >= 0 && candidate.certificate.publicKey.hasSigned(profile)
        }
    }

    private mutating func complete(_ path: [CertificateProfile]) throws(GnuTLSError) -> [CertificateProfile]? {
        paths -= 1
        guard let fault = try examine(path) else { return path }
        note(3, fault)
        return nil
    }

    private mutating func note(_ rank: Int, _ fault: PathFault) {
        if rank > best?.rank ?? 0 { best = (rank, fault) }
    }
}

/// The trust anchors by their names.
struct AnchorIndex: Sendable {
    let certificates: Set<Certificate>
    private let bySubject: [[UInt8]: [CertificateProfile]]
    /// By their names, what is wrong with those that cannot be read strictly.
    let malformed: [[UInt8]: PathFault]

    init(_ anchors: [Certificate]) {
        certificates = Set(anchors)
        var bySubject: [[UInt8]: [CertificateProfile]] = [:]
        var malformed: [[UInt8]: PathFault] = [:]
        // Of those with one name, the one that is valid longest comes first.
        for anchor in certificates.sorted(by: { $0.notAfter > $1.notAfter }) {
            do throws(MalformedDER) {
                bySubject[anchor.rawSubject, default: []].append(try CertificateProfile(anchor))
            } catch {
                malformed[anchor.rawSubject] = PathFault(.malformed(error.what), of: anchor)
            }
        }
        self.bySubject = bySubject
        self.malformed = malformed
    }

    func contains(_ certificate: Certificate) -> Bool { certificates.contains(certificate) }

    /// Those that may have issued `profile`, by what the two say of it.
    func issuers(of profile: CertificateProfile) -> [CertificateProfile] {
        (bySubject[profile.certificate.rawIssuer] ?? []).filter { $0.mayHaveIssued(profile) }
    }
}

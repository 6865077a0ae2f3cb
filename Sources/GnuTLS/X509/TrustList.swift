internal import CGnuTLS

/// The certificates that are trusted to sign others, and the revocation lists that count.
///
/// It does not change, but for what it remembers: chains may be verified on many threads at once.
package final class TrustList: Sendable {
    private let anchors: AnchorIndex
    private let revocation: RevocationStore
    private let known = KnownPaths()
    /// How many different trust anchors there are.
    package var anchorCount: Int { anchors.certificates.count }
    /// A hash of the anchors and the revocation lists: two trust lists that judge differently have different ones.
    package let fingerprint: [UInt8]

    /// Makes a list.
    ///
    /// - Parameters:
    ///   - anchors: What is trusted, together with all that it signs. A certificate that is no authority is trusted for
    ///     itself alone.
    ///   - includingSystem: Whether the anchors of the system count as well. They are read anew each time, which takes
    ///     some tens of milliseconds and megabytes: share the list.
    ///   - revocationLists: Believed when the issuer of the certificate in question has signed them.
    ///   - revocationPolicy: What they have to say.
    package init(
        anchors: [Certificate], includingSystem: Bool = false, revocationLists: [RevocationList] = [],
        revocationPolicy: RevocationStore.Policy = .ifAvailable
    ) throws(GnuTLSError) {
        GnuTLSGlobal.prepare()
        self.anchors = AnchorIndex(anchors + (includingSystem ? try Self.ofSystem() : []))
        revocation = RevocationStore(revocationLists, revocationPolicy)
        let parts = self.anchors.certificates.map(\.sha256Fingerprint).sorted { $0.lexicographicallyPrecedes($1) }
        let lists = try revocationLists.map { (list) throws(GnuTLSError) in try HashAlgorithm.sha256.hash(of: list.der)
        }
        let counts = "\(parts.count) \(lists.count) \(revocationPolicy.rawValue)"
        fingerprint = try HashAlgorithm.sha256.hash(of: Array(counts.utf8) + parts.joined() + lists.joined())
    }

    /// Those that GnuTLS takes for the system's and that can be read.
    private static func ofSystem() throws(GnuTLSError) -> [Certificate] {
        let operation = "reading the system's trust anchors"
        let list = try newHandle(operation) { gnutls_x509_trust_list_init($0, 0) }
        defer { gnutls_x509_trust_list_deinit(list, 1) }
        try check(
            gnutls_x509_trust_list_add_system_trust(list, GNUTLS_TL_NO_DUPLICATES.rawValue, 0), operation)
        var certificates: [Certificate] = []
        var iterator: gnutls_x509_trust_list_iter_t?
        defer { if let iterator { gnutls_x509_trust_list_iter_deinit(iterator) } }
        while true {
            var handle: gnutls_x509_crt_t?
            guard gnutls_x509_trust_list_iter_get_ca(list, &iterator, &handle) >= 0, let handle else {
                return certificates
            }
            defer { gnutls_x509_crt_deinit(handle) }
            let der = try takingBytes(operation) { gnutls_x509_crt_export2(handle, GNUTLS_X509_FMT_DER, $0) }
            if let certificate = try? Certificate(der: der) { certificates.append(certificate) }
        }
    }
}

extension TrustList {
    /// Whether `chain`, the leaf first and the rest in any order, leads to a trust anchor now. Names are not examined.
    ///
    /// - Parameter purpose: What the leaf has to be for, such as ``KeyPurpose/serverAuth``; anything when nil. A leaf
    ///   that names no purposes is for all.
    /// - Throws: When GnuTLS cannot examine the chain at all, because it is empty, for instance.
    package func verify(chain: [Certificate], purpose: String? = nil) throws(GnuTLSError) -> VerificationOutcome {
        try verify(chain: chain, policy: PathPolicy(time: secondsSince1970(), purpose: purpose))
    }

    /// Whether `chain`, the leaf first and the rest in any order, leads to a trust anchor by `policy`.
    ///
    /// A path is good when it keeps ``PathRules``, when no revocation list says otherwise, and when GnuTLS, asked about
    /// that very path, finds nothing against it either: neither alone is enough.
    package func verify(chain: [Certificate], policy: PathPolicy) throws(GnuTLSError) -> VerificationOutcome {
        guard let leaf = chain.first else {
            throw GnuTLSError(code: GNUTLS_E_NO_CERTIFICATE_FOUND, operation: "verifying a certificate chain")
        }
        let question = KnownPaths.Question(chain: chain, purpose: policy.purpose, depth: policy.depth)
        if let path = known.path(for: question), holds(path, policy) {
            return .trusted(path: path.map(\.certificate))
        }
        var search = PathSearch(anchors: anchors, others: Array(chain.dropFirst()), policy: policy) {
            (path) throws(GnuTLSError) in
            if let fault = PathRules(path: path, policy: policy).fault { return fault }
            if let fault = try SecondOpinion.fault(of: path, policy) { return fault }
            return self.revocation.fault(of: path, at: policy.time)
        }
        switch try search.run(from: leaf) {
        case .found(let path):
            known.remember(path, for: question)
            return .trusted(path: path.map(\.certificate))
        case .failed(let fault): return .refused(fault)
        }
    }

    /// Whether a path whose signatures are right is good at the time of `policy`. The dates are also compared as GnuTLS
    /// has read them: for any time between them it says the same of the path.
    private func holds(_ path: [CertificateProfile], _ policy: PathPolicy) -> Bool {
        path.allSatisfy { $0.certificate.notBefore <= policy.time && policy.time <= $0.certificate.notAfter }
            && PathRules(path: path, policy: policy).fault == nil
            && revocation.fault(of: path, at: policy.time) == nil
    }
}

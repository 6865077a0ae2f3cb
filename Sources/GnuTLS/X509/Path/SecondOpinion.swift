internal import CGnuTLS

/// What GnuTLS says of one path. All its signatures are verified here.
enum SecondOpinion {
    static func fault(of profiles: [CertificateProfile], _ policy: PathPolicy) throws(GnuTLSError) -> PathFault? {
        let path = profiles.map(\.certificate)
        guard let leaf = path.first, let anchor = path.last else { return nil }
        let list = try newHandle("verifying a certificate chain") { gnutls_x509_trust_list_init($0, 1) }
        defer { gnutls_x509_trust_list_deinit(list, 0) }
        var anchorHandle: gnutls_x509_crt_t? = anchor.handle
        try check(gnutls_x509_trust_list_add_cas(list, &anchorHandle, 1, 0), "trusting a certificate")
        // A certificate that is the anchor itself is a path of its own.
        var handles: [gnutls_x509_crt_t?] = (path.count > 1 ? path.dropLast() : path[...]).map(\.handle)
        let flags = cgnutls_profile_to_vflags(GNUTLS_PROFILE_MEDIUM)
        var bits: UInt32 = 0
        let (result, steps) = VerificationSteps.collecting { callback in
            VerificationClock.at(policy.time) {
                with(policy.purpose) { data in
                    gnutls_x509_trust_list_verify_crt2(
                        list, &handles, UInt32(handles.count), data, data == nil ? 0 : 1, flags, &bits, callback)
                }
            }
        }
        try check(result, "verifying a certificate chain")
        let status = VerificationStatus(rawValue: bits)
        guard !status.isEmpty else { return nil }
        let reasons = status.subtracting(.invalid)
        if reasons == .signerConstraintsFailure, countsSelfIssued(profiles) { return nil }
        let step = steps.first { !$0.status.isDisjoint(with: reasons) }
        let culprit = step.flatMap { step in path.first { $0.der == step.certificate } } ?? leaf
        return PathFault(.init(status, of: culprit), of: culprit)
    }

    /// GnuTLS counts authorities issued under their own name in path lengths, against RFC 5280 §4.2.1.9. Where it stops
    /// at that, the signatures that it did not come to are verified here.
    private static func countsSelfIssued(_ path: [CertificateProfile]) -> Bool {
        path.dropFirst().dropLast().contains { $0.certificate.isSelfIssued }
            && zip(path, path.dropFirst()).allSatisfy { $1.certificate.publicKey.hasSigned($0) }
    }

    private static func with(
        _ purpose: String?, _ body: (UnsafeMutablePointer<gnutls_typed_vdata_st>?) -> Int32
    ) -> Int32 {
        guard let purpose else { return body(nil) }
        var bytes = Array(purpose.utf8) + [0]
        return bytes.withUnsafeMutableBufferPointer { bytes in
            var data = gnutls_typed_vdata_st(type: GNUTLS_DT_KEY_PURPOSE_OID, data: bytes.baseAddress, size: 0)
            return body(&data)
        }
    }
}

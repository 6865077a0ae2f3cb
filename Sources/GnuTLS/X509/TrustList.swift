internal import CGnuTLS

/// The certificates that are trusted to sign others, and the revocation lists that count.
///
/// The value is immutable: chains may be verified on many threads at once.
package final class TrustList: @unchecked Sendable {  // safe: GnuTLS only reads the handle after init
    private let handle: gnutls_x509_trust_list_t
    private let anchors: Set<Certificate>
    /// How many trust anchors there are, where one that is both given and the system's counts twice.
    package let anchorCount: Int

    /// Makes a list.
    ///
    /// - Parameters:
    ///   - anchors: What is trusted, together with all that it signs. A certificate that is no authority is trusted for
    ///     itself alone.
    ///   - includingSystem: Whether the anchors of the system count as well. They are read anew each time, which takes
    ///     some tens of milliseconds and megabytes: share the list.
    ///   - revocationLists: Believed as they are: their signatures and dates are not examined.
    package init(
        anchors: [Certificate], includingSystem: Bool = false, revocationLists: [RevocationList] = []
    ) throws(GnuTLSError) {
        GnuTLSGlobal.prepare()
        let handle = try newHandle("making a trust list") { gnutls_x509_trust_list_init($0, 0) }
        do throws(GnuTLSError) {
            anchorCount = try Self.fill(handle, anchors, includingSystem, revocationLists)
        } catch {
            gnutls_x509_trust_list_deinit(handle, 1)
            throw error
        }
        self.handle = handle
        self.anchors = Set(anchors)
    }

    deinit { gnutls_x509_trust_list_deinit(handle, 1) }

    private static func fill(
        _ handle: gnutls_x509_trust_list_t, _ anchors: [Certificate], _ includingSystem: Bool,
        _ revocationLists: [RevocationList]
    ) throws(GnuTLSError) -> Int {
        let flags = GNUTLS_TL_NO_DUPLICATES.rawValue
        var count: Int32 = 0
        if includingSystem {
            count += try check(
                gnutls_x509_trust_list_add_system_trust(handle, flags, 0), "reading the system's trust anchors")
        }
        for anchor in Set(anchors) {
            let result = anchor.der.withDatum {
                gnutls_x509_trust_list_add_trust_mem(handle, $0, nil, GNUTLS_X509_FMT_DER, flags, 0)
            }
            count += try check(result, "trusting a certificate")
        }
        for list in revocationLists {
            let result = list.der.withDatum {
                gnutls_x509_trust_list_add_trust_mem(handle, nil, $0, GNUTLS_X509_FMT_DER, flags, 0)
            }
            try check(result, "adding a revocation list")
        }
        return Int(count)
    }
}

extension TrustList {
    /// Whether `chain`, the leaf first and the rest in any order, leads to a trust anchor now. Names are not examined.
    ///
    /// Keys and signatures of less than 112 bits of security, such as RSA-1024 and SHA-1, are refused.
    ///
    /// - Parameter purpose: What the leaf has to be for, such as ``KeyPurpose/serverAuth``; anything when nil. A leaf
    ///   that names no purposes is for all.
    /// - Throws: When GnuTLS cannot examine the chain at all, because it is empty, for instance.
    package func verify(chain: [Certificate], purpose: String? = nil) throws(GnuTLSError) -> VerificationOutcome {
        // GnuTLS looks for anchors among the issuers only, or in a chain that is the anchor itself.
        let chain = chain.first.map(anchors.contains) == true ? Array(chain.prefix(1)) : chain
        var handles: [gnutls_x509_crt_t?] = chain.map(\.handle)
        let flags = cgnutls_profile_to_vflags(GNUTLS_PROFILE_MEDIUM)
        var bits: UInt32 = 0
        let (result, steps) = VerificationSteps.collecting { callback in
            Self.with(purpose) { data in
                gnutls_x509_trust_list_verify_crt2(
                    handle, &handles, UInt32(handles.count), data, data == nil ? 0 : 1, flags, &bits, callback)
            }
        }
        try check(result, "verifying a certificate chain")
        let status = VerificationStatus(rawValue: bits)
        guard status.isEmpty else {
            return .refused(.init(status, chain: chain, purpose: purpose, steps: steps))
        }
        let known = Dictionary(chain.map { ($0.der, $0) }, uniquingKeysWith: { first, _ in first })
        return .trusted(
            path: try steps.acceptedPath.map { der throws(GnuTLSError) in
                if let certificate = known[der] { return certificate }
                return try Certificate(der: der)
            })
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

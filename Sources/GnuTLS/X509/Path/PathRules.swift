internal import CGnuTLS

/// What a path has to be good for.
package struct PathPolicy: Sendable, Hashable {
    /// In seconds since 1970 UTC.
    package var time: Int64
    /// What the leaf has to be for, such as ``KeyPurpose/serverAuth``; anything when nil.
    package var purpose: String?
    /// How many authorities may stand between the leaf and the anchor.
    package var depth: Int

    package static let standardDepth = 32

    package init(time: Int64, purpose: String? = nil, depth: Int = standardDepth) {
        self.time = time
        self.purpose = purpose
        self.depth = depth
    }
}

/// The rules of RFC 5280 §6.1 for one path, from the leaf to the anchor, but for signatures and revocation.
///
/// They are stricter than the RFC's in that the anchor is examined like any other authority: its dates, key, path length,
/// purposes and name constraints bind. A certificate of version 1 is an authority only as an anchor. No policies are
/// processed. Whoever demands one by a critical extension is refused.
struct PathRules {
    let path: [CertificateProfile]
    let policy: PathPolicy

    /// The first breach, the leaf's before its issuers'.
    var fault: PathFault? {
        for profile in path {
            if let fault = common(profile) { return fault }
        }
        for index in path.indices.dropFirst() {
            if let fault = authority(index) { return fault }
        }
        if let purpose = policy.purpose, let fault = purposes(purpose) { return fault }
        return constraints()
    }

    private func common(_ profile: CertificateProfile) -> PathFault? {
        let certificate = profile.certificate
        if policy.time > profile.notAfter { return PathFault(.expired(profile.notAfter), of: certificate) }
        if policy.time < profile.notBefore { return PathFault(.notYetValid(profile.notBefore), of: certificate) }
        if let weakness = KeyStrength.weakness(of: profile) { return PathFault(.weak(weakness), of: certificate) }
        // The anchor is trusted for itself: nobody looks at the signature on it.
        if certificate != path.last?.certificate, let weakness = KeyStrength.weakness(ofSignatureOn: certificate) {
            return PathFault(.weak(weakness), of: certificate)
        }
        if let oid = profile.unknownCritical.first { return PathFault(.unknownExtension(oid), of: certificate) }
        return nil
    }

    private func authority(_ index: Int) -> PathFault? {
        let profile = path[index]
        func fault(_ why: String) -> PathFault { PathFault(.notAuthority(why), of: profile.certificate) }
        let isOldAnchor = profile.version == 1 && index == path.count - 1
        guard profile.isAuthority || isOldAnchor else {
            return fault(
                profile.version < 3 ? "it is of version \(profile.version)" : "its basic constraints do not say so")
        }
        if let usage = profile.keyUsage, !usage.contains(.keyCertSign) { return fault("its key usage does not say so") }
        guard !profile.certificate.rawSubject.isEmptySequence else { return fault("it has no name") }
        // Whom it issued under its own name does not count (RFC 5280 §4.2.1.9).
        let below = path[1..<index].count { !$0.certificate.isSelfIssued }
        if let length = profile.pathLength, below > length {
            return PathFault(.pathTooLong(length), of: profile.certificate)
        }
        return nil
    }

    private func purposes(_ purpose: String) -> PathFault? {
        for (index, profile) in path.enumerated() {
            guard let purposes = profile.purposes, !purposes.contains(purpose) else { continue }
            // An intermediate has to name it: any purpose is not enough for GnuTLS and OpenSSL, either.
            let isIntermediate = index > 0 && index < path.count - 1
            guard !isIntermediate, purposes.contains(KeyPurpose.any) else {
                return PathFault(.purpose(purpose, "its extended key usage lacks it"), of: profile.certificate)
            }
        }
        guard let leaf = path.first, let usage = leaf.keyUsage else { return nil }
        // Servers sign (RFC 8446 §4.4.2.2, RFC 8422 §2), but for RSA key transport in TLS 1.2.
        let isTransport = purpose == KeyPurpose.serverAuth && leaf.certificate.publicKey.algorithm == .rsa
        let needed: KeyUsage = isTransport ? [.digitalSignature, .keyEncipherment] : .digitalSignature
        guard usage.isDisjoint(with: needed) else { return nil }
        return PathFault(.purpose(purpose, "its key usage does not allow what TLS does"), of: leaf.certificate)
    }

    private func constraints() -> PathFault? {
        for index in path.indices.dropFirst() {
            guard let constraints = path[index].nameConstraints else { continue }
            for (below, profile) in path[..<index].enumerated() {
                if below > 0, profile.certificate.isSelfIssued { continue }
                if let name = constraints.violation(by: profile) {
                    let authority = path[index].certificate.subject
                    return PathFault(.nameForbidden(name, by: authority), of: profile.certificate)
                }
            }
        }
        return nil
    }
}

/// Which keys and signatures count: at least 112 bits of security, and of a kind that TLS uses.
enum KeyStrength {
    static func weakness(of profile: CertificateProfile) -> String? {
        let key = profile.certificate.publicKey
        switch key.algorithm {
        case .rsa, .rsaPSS:
            if key.bits < 2048 { return "its RSA key of \(key.bits) bits" }
            // What is longer costs more time than a server may ask for.
            if key.bits > 8192 { return "its RSA key of \(key.bits) bits, too long to be examined," }
            return hasSoundExponent(profile.keyBits) ? nil : "the exponent of its RSA key"
        case .ecdsa, .ed25519, .ed448: return nil
        case .other(let name): return "its key of the kind \(name)"
        }
    }

    private static func hasSoundExponent(_ key: ArraySlice<UInt8>) -> Bool {
        var reader = DERReader(key, "the public key")
        guard var numbers = try? reader.sequence(), (try? numbers.next(0x02)) != nil,
            let exponent = try? numbers.next(0x02).contents.withoutIdleZeros, let last = exponent.last
        else { return false }
        return last & 1 == 1 && exponent.count <= 33 && (exponent.count > 1 || last > 1)
    }

    static func weakness(ofSignatureOn certificate: Certificate) -> String? {
        weakness(of: certificate.signatureIdentifier, named: certificate.signatureAlgorithm)
    }

    static func weakness(of algorithm: gnutls_sign_algorithm_t, named name: String) -> String? {
        switch algorithm {
        case GNUTLS_SIGN_EDDSA_ED25519, GNUTLS_SIGN_EDDSA_ED448: return nil
        default: break
        }
        let keys = [GNUTLS_PK_RSA, GNUTLS_PK_RSA_PSS, GNUTLS_PK_ECDSA]
        let hashes = [GNUTLS_DIG_SHA256, GNUTLS_DIG_SHA384, GNUTLS_DIG_SHA512]
        let isSound =
            keys.contains(gnutls_sign_get_pk_algorithm(algorithm))
            && hashes.contains(gnutls_sign_get_hash_algorithm(algorithm))
        return isSound ? nil : "the signature on it (\(name))"
    }
}

extension [UInt8] {
    /// Whether this is an empty SEQUENCE in DER.
    fileprivate var isEmptySequence: Bool { self == [0x30, 0x00] }
}

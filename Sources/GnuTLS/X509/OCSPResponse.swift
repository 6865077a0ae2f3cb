internal import CGnuTLS

/// What a responder says of certificates (RFC 6960), as servers staple it to their handshakes.
package struct OCSPResponse: Sendable {
    package enum Status: Sendable, Hashable {
        case good
        case revoked(Revocation)
        /// The responder does not know the certificate.
        case unknown
    }

    /// What is wrong with an answer.
    package enum Fault: Error, Sendable, Hashable {
        /// It cannot be read, is about another certificate, or nobody who may has signed it.
        case invalid(String)
        /// It is not in force.
        case outOfForce(String)
    }

    package let der: [UInt8]

    package init(der: [UInt8]) {
        self.der = der
    }

    /// Without a date for the next one, an answer is believed for three days.
    private static let lifetimeWithoutEnd: Int64 = 3 * 86_400

    /// What the response says of `certificate`.
    ///
    /// - Parameters:
    ///   - issuer: Has issued the certificate, and signed the response or the certificate of the responder who did.
    ///   - time: In seconds since 1970 UTC.
    package func status(of certificate: Certificate, issuer: Certificate, at time: Int64) throws(Fault) -> Status {
        do {
            return try VerificationClock.at(time) { try examined(certificate, issuer, time) }
        } catch let fault as Fault {
            throw fault
        } catch {
            throw .invalid("it cannot be read: \((error as? GnuTLSError)?.message ?? "\(error)")")
        }
    }

    private func examined(_ certificate: Certificate, _ issuer: Certificate, _ time: Int64) throws -> Status {
        let handle = try newHandle("reading an OCSP response") { gnutls_ocsp_resp_init($0) }
        defer { gnutls_ocsp_resp_deinit(handle) }
        try check(der.withDatum { gnutls_ocsp_resp_import(handle, $0) }, "reading an OCSP response")
        guard gnutls_ocsp_resp_get_status(handle) == Int32(GNUTLS_OCSP_RESP_SUCCESSFUL.rawValue) else {
            throw Fault.invalid("the responder did not answer")
        }
        let algorithm = gnutls_sign_algorithm_t(UInt32(clamping: gnutls_ocsp_resp_get_signature_algorithm(handle)))
        if KeyStrength.weakness(of: algorithm, named: "") != nil {
            throw Fault.invalid("the signature on it is too weak")
        }
        var verdict: UInt32 = 0
        try check(gnutls_ocsp_resp_verify_direct(handle, issuer.handle, &verdict, 0), "verifying an OCSP response")
        guard verdict == 0 else { throw Fault.invalid("\"\(issuer.subject)\" has not authorised whoever signed it") }
        try refuseCriticalExtensions(handle)

        let profile: CertificateProfile
        let issuerProfile: CertificateProfile
        do throws(MalformedDER) {
            profile = try CertificateProfile(certificate)
            issuerProfile = try CertificateProfile(issuer)
        } catch { throw Fault.invalid("the certificate cannot be read") }
        var isAbout = false
        var trouble: Fault?
        var isGood = false
        for single in try Single.all(in: handle) {
            guard try single.isAbout(profile, issuerProfile) else { continue }
            isAbout = true
            if single.status != .good, case .revoked = single.status { return single.status }
            if time < single.thisUpdate {
                trouble = trouble ?? .outOfForce("it is dated in the future")
            } else if time > single.nextUpdate ?? single.thisUpdate + Self.lifetimeWithoutEnd {
                trouble = trouble ?? .outOfForce("it is out of date")
            } else if single.status == .unknown {
                return .unknown
            } else {
                isGood = true
            }
        }
        guard isAbout else { throw Fault.invalid("it is about another certificate") }
        if !isGood, let trouble { throw trouble }
        return .good
    }

    private func refuseCriticalExtensions(_ handle: OpaquePointer) throws {
        var index: UInt32 = 0
        while true {
            var critical: UInt32 = 0
            let result = gnutls_ocsp_resp_get_extension(handle, index, nil, &critical, nil)
            if result == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE { return }
            try check(result, "reading an OCSP response")
            if critical != 0 { throw Fault.invalid("it has a critical extension that is unknown") }
            index += 1
        }
    }
}

/// What a response says of one certificate.
private struct Single {
    let digest: gnutls_digest_algorithm_t
    let issuerName: [UInt8]
    let issuerKey: [UInt8]
    let serial: [UInt8]
    let status: OCSPResponse.Status
    let thisUpdate: Int64
    let nextUpdate: Int64?

    static func all(in handle: OpaquePointer) throws -> [Single] {
        var all: [Single] = []
        while let single = try Single(handle, UInt32(all.count)) { all.append(single) }
        return all
    }

    /// nil behind the last one.
    private init?(_ handle: OpaquePointer, _ index: UInt32) throws {
        var (name, key, number) = (gnutls_datum_t(), gnutls_datum_t(), gnutls_datum_t())
        var digest = GNUTLS_DIG_UNKNOWN
        var (status, reason): (UInt32, UInt32) = (0, 0)
        var (this, next, revoked): (time_t, time_t, time_t) = (0, 0, 0)
        let result = gnutls_ocsp_resp_get_single(
            handle, index, &digest, &name, &key, &number, &status, &this, &next, &revoked, &reason)
        if result == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE { return nil }
        try check(result, "reading an OCSP response")
        defer { for datum in [name, key, number] { cgnutls_free(datum.data) } }
        func bytes(_ datum: gnutls_datum_t) -> [UInt8] {
            Array(UnsafeBufferPointer(start: datum.data, count: Int(datum.size)))
        }
        self.digest = digest
        (issuerName, issuerKey, serial) = (bytes(name), bytes(key), bytes(number))
        thisUpdate = Int64(this)
        nextUpdate = next == -1 ? nil : Int64(next)
        self.status =
            switch status {
            case GNUTLS_OCSP_CERT_GOOD.rawValue: .good
            case GNUTLS_OCSP_CERT_REVOKED.rawValue:
                .revoked(Revocation(date: Int64(revoked), reason: reason == 0 ? nil : Int(reason)))
            default: .unknown
            }
    }

    /// By serial number and the hashes of the issuer's name and key (RFC 6960 §4.1.1).
    func isAbout(_ profile: CertificateProfile, _ issuer: CertificateProfile) throws -> Bool {
        guard serial[...].withoutIdleZeros == profile.serial else { return false }
        return try hash(profile.certificate.rawIssuer) == issuerName && hash(Array(issuer.keyBits)) == issuerKey
    }

    private func hash(_ bytes: [UInt8]) throws(GnuTLSError) -> [UInt8] {
        let length = gnutls_hash_get_len(digest)
        guard length > 0 else { throw GnuTLSError(code: GNUTLS_E_UNKNOWN_HASH_ALGORITHM, operation: "hashing") }
        var result = [UInt8](repeating: 0, count: Int(length))
        try check(gnutls_hash_fast(digest, bytes, bytes.count, &result), "hashing")
        return result
    }
}

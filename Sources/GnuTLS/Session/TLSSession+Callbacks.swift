import CGnuTLS
import Glibc

extension TLSSession {
    func installCallbacks() {
        let this = Unmanaged.passUnretained(self).toOpaque()
        gnutls_session_set_ptr(handle, this)
        gnutls_transport_set_ptr(handle, this)
        gnutls_transport_set_pull_function(handle) { pointer, buffer, size in
            guard let session = TLSSession.of(pointer) else { return -1 }
            switch session.transport.pull(into: UnsafeMutableRawBufferPointer(start: buffer, count: size)) {
            case .bytes(let count):
                session.pulled(UnsafeRawBufferPointer(start: buffer, count: count))
                return count
            case .end:
                session.transportEnded = true
                return 0
            case .dry:
                session.ranDry = true
                gnutls_transport_set_errno(session.handle, EAGAIN)
                return -1
            }
        }
        gnutls_transport_set_vec_push_function(handle) { pointer, vectors, count in
            guard let session = TLSSession.of(pointer) else { return -1 }
            var total = 0
            for vector in UnsafeBufferPointer(start: vectors, count: Int(count)) {
                session.transport.push(UnsafeRawBufferPointer(start: vector.iov_base, count: vector.iov_len))
                total += vector.iov_len
            }
            return total
        }
        gnutls_session_set_verify_function(handle) { handle in
            TLSSession.of(gnutls_session_get_ptr(handle))?.judge() ?? GNUTLS_E_INTERNAL_ERROR
        }
    }

    static func of(_ pointer: UnsafeMutableRawPointer?) -> TLSSession? {
        pointer.map { Unmanaged<TLSSession>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Answers GnuTLS's question whether the peer's certificate is good. Until there is a verdict the handshake pauses.
    private func judge() -> Int32 {
        if isOfferedAlone {
            failure = failure ?? TLSFailure(.sessionDeclined)
            return GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR
        }
        if isDowngraded { return GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER }
        if let formerPeer, peerChain.first != formerPeer {
            failure = failure ?? TLSFailure(.laterExchange(.peerChanged))
            return GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR
        }
        switch verdict {
        case .accepted:
            return 0
        case .none, .pending:
            verdict = .pending
            return GNUTLS_E_AGAIN
        case .refused(let reason):
            failure = failure ?? TLSFailure(.refused(reason))
            return GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR
        }
    }

    /// Whether the server says that it was made to believe that we speak less than we do (RFC 8446 §4.1.3). Of the two
    /// marks GnuTLS knows only that of the version agreed on.
    var isDowngraded: Bool {
        guard context.role == .client, context.priorities.includesTLS13, version != .v1_3 else { return false }
        var (client, server) = (gnutls_datum_t(), gnutls_datum_t())
        gnutls_session_get_random(handle, &client, &server)
        let mark = UnsafeBufferPointer(start: server.data, count: Int(server.size)).suffix(8)
        return mark.starts(with: "DOWNGRD".utf8) && (mark.last == 0 || mark.last == 1)
    }

    // MARK: Choosing a certificate

    func retrieve(
        _ request: CertificateRequest, certificates: UnsafeMutablePointer<UnsafeMutablePointer<gnutls_pcert_st>?>,
        count: UnsafeMutablePointer<UInt32>, key: UnsafeMutablePointer<gnutls_privkey_t?>
    ) -> Int32 {
        do {
            guard let certified = try choose?(request) else {
                // The offer to authenticate later was made for somebody.
                if activity == .authentication, context.role == .client { throw TLSFailure(.certificateNotSent) }
                count.pointee = 0
                return 0
            }
            chosen = certified
            switch certified.key {
            case .software(let software): key.pointee = software.handle
            case .external(let signer): key.pointee = try importExternal(signer)
            }
            certificates.pointee = certified.entries.baseAddress
            count.pointee = UInt32(certified.chain.count)
            return 0
        } catch let notSent as TLSFailure {
            failure = failure ?? notSent
        } catch {
            failure = failure ?? TLSFailure(.choice(error))
        }
        return -1
    }

    /// A key handle of this session's own: it carries the session to the sign callbacks. One for each signer, since GnuTLS
    /// remembers what kind of key it is.
    private func importExternal(_ signer: any ExternalSigner) throws(GnuTLSError) -> gnutls_privkey_t {
        if let known = externalKeys[ObjectIdentifier(signer)] { return known }
        var key: gnutls_privkey_t?
        let made = gnutls_privkey_init(&key)
        guard let key else { throw GnuTLSError(code: made, operation: "gnutls_privkey_init") }
        let result = gnutls_privkey_import_ext4(
            key, Unmanaged.passUnretained(self).toOpaque(),
            { _, algorithm, pointer, _, data, signature in
                TLSSession.of(pointer)?.sign(algorithm, data, isDigest: false, into: signature)
                    ?? GNUTLS_E_INTERNAL_ERROR
            },
            { _, algorithm, pointer, _, hash, signature in
                TLSSession.of(pointer)?.sign(algorithm, hash, isDigest: true, into: signature)
                    ?? GNUTLS_E_INTERNAL_ERROR
            },
            nil, nil,
            { _, flags, pointer in TLSSession.of(pointer)?.signer?.information(flags) ?? -1 },
            0)
        guard result >= 0 else {
            gnutls_privkey_deinit(key)
            throw GnuTLSError(code: result, operation: "gnutls_privkey_import_ext4")
        }
        externalKeys[ObjectIdentifier(signer)] = key
        return key
    }

    private var signer: (any ExternalSigner)? {
        if case .external(let signer) = chosen?.key { signer } else { nil }
    }

    // MARK: Signing

    private func sign(
        _ algorithm: gnutls_sign_algorithm_t, _ data: UnsafePointer<gnutls_datum_t>?, isDigest: Bool,
        into signature: UnsafeMutablePointer<gnutls_datum_t>?
    ) -> Int32 {
        do {
            guard case .accepted = verdict, stepMayBlock else { throw TLSFailure(.signatureOutOfPlace) }
            guard let signer, let data, let signature else { throw TLSFailure(.signatureOutOfPlace) }
            let start = ContinuousClock.now
            defer { signatureTime += ContinuousClock.now - start }
            try signer.sign(algorithm, data.pointee, isDigest: isDigest, into: signature)
            hasSigned = true
            return 0
        } catch let misplaced as TLSFailure {
            failure = failure ?? misplaced
        } catch {
            failure = failure ?? TLSFailure(.signature(error))
        }
        return GNUTLS_E_PK_SIGN_FAILED
    }
}

/// Called by GnuTLS when a certificate is wanted: the client's on a certificate request, the server's always.
func retrieveCertificate(
    session handle: gnutls_session_t?, information: UnsafePointer<gnutls_cert_retr_st>?,
    certificates: UnsafeMutablePointer<UnsafeMutablePointer<gnutls_pcert_st>?>?, count: UnsafeMutablePointer<UInt32>?,
    staples: UnsafeMutablePointer<UnsafeMutablePointer<gnutls_ocsp_data_st>?>?,
    stapleCount: UnsafeMutablePointer<UInt32>?, key: UnsafeMutablePointer<gnutls_privkey_t?>?,
    flags: UnsafeMutablePointer<UInt32>?
) -> Int32 {
    guard let handle, let session = TLSSession.of(gnutls_session_get_ptr(handle)), let information, let certificates,
        let count, let key
    else { return -1 }
    // GnuTLS frees nothing of what is handed over: the session keeps it.
    stapleCount?.pointee = 0
    flags?.pointee = 0
    let names = UnsafeBufferPointer(start: information.pointee.req_ca_rdn, count: Int(information.pointee.nreqs))
    var schemes: [SignatureScheme] = []
    var algorithm = GNUTLS_SIGN_UNKNOWN
    var index = 0
    while gnutls_sign_algorithm_get_requested(handle, index, &algorithm) == 0 {
        if let scheme = SignatureScheme(algorithm) { schemes.append(scheme) }
        index += 1
    }
    let request = CertificateRequest(
        acceptedIssuers: names.map { Array(UnsafeBufferPointer(start: $0.data, count: Int($0.size))) },
        schemes: schemes,
        version: gnutls_protocol_get_version(handle) == GNUTLS_TLS1_3 ? .v1_3 : .v1_2)
    return session.retrieve(request, certificates: certificates, count: count, key: key)
}

import CGnuTLS

extension TLSSession {
    /// What a read found.
    package enum Read: Equatable {
        /// So many bytes of plaintext, at least one.
        case bytes(Int)
        /// Nothing until more ciphertext arrives.
        case dry
        /// The peer said close_notify: it sends no more.
        case closed
        /// The peer wants another handshake, or a certificate: step until that is done, then read on.
        case stepWanted
    }

    /// Whether a read may find something.
    package var hasInput: Bool {
        transport.hasInput || gnutls_record_check_pending(handle) > 0 || !heldData.isEmpty
    }

    /// No more plaintext than this comes of what has arrived.
    package var expectedBytes: Int {
        transport.pendingBytes + fruitlessBytes + gnutls_record_check_pending(handle) + heldData.count
    }

    /// Decrypts at most one record into `buffer`. What does not fit stays here for the next read.
    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(TLSFailure) -> Read {
        if let failure { throw failure }
        if !heldData.isEmpty { return .bytes(takeHeldData(into: buffer)) }
        while true {
            // An attempt to read costs GnuTLS an allocation of 16 KiB, also when it finds nothing.
            guard hasInput else { return .dry }
            ranDry = false
            let result = gnutls_record_recv(handle, buffer.baseAddress, buffer.count)
            if result > 0 {
                fruitlessBytes = 0
                return .bytes(result)
            }
            switch Int32(truncatingIfNeeded: result) {
            case 0:
                return .closed
            case GNUTLS_E_AGAIN, GNUTLS_E_INTERRUPTED:
                try checkPatience()
                // Also returned after a ticket, with more still in the transport.
                if ranDry { return .dry }
            case GNUTLS_E_REHANDSHAKE:
                try checkPatience()
                if try answersRenegotiation() { return .stepWanted }
            case GNUTLS_E_REAUTH_REQUEST:
                try checkPatience()
                try beginAnswer(by: .authentication)
                return .stepWanted
            case GNUTLS_E_WARNING_ALERT_RECEIVED:
                try checkPatience()
            case let code:
                throw abandon(TLSFailure(describe(code)), code)
            }
        }
    }

    /// Encrypts all of `bytes` into the transport.
    package func write(_ bytes: UnsafeRawBufferPointer) throws(TLSFailure) {
        if let failure { throw failure }
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = UnsafeRawBufferPointer(rebasing: rest.prefix(16384))
            let result = gnutls_record_send(handle, part.baseAddress, part.count)
            if result > 0 {
                rest = rest.dropFirst(result)
            } else if result != Int(GNUTLS_E_AGAIN), result != Int(GNUTLS_E_INTERRUPTED) {
                let code = Int32(truncatingIfNeeded: result)
                throw abandon(TLSFailure(describe(code)), code)
            }
        }
    }

    /// Says close_notify, once. What the peer still sends may be read on; nothing can be written any more.
    package func close() {
        guard failure == nil, !hasSaidClose else { return }
        hasSaidClose = true
        _ = gnutls_bye(handle, GNUTLS_SHUT_WR)
    }
}

// MARK: What was agreed

extension TLSSession {
    /// The version in use, once agreed.
    package var version: TLSVersion? {
        switch gnutls_protocol_get_version(handle) {
        case GNUTLS_TLS1_2: .v1_2
        case GNUTLS_TLS1_3: .v1_3
        default: nil
        }
    }

    /// The protocol that ALPN agreed on.
    package var applicationProtocol: String? {
        var datum = gnutls_datum_t()
        guard gnutls_alpn_get_selected_protocol(handle, &datum) == 0 else { return nil }
        return String(decoding: UnsafeBufferPointer(start: datum.data, count: Int(datum.size)), as: UTF8.self)
    }

    /// The cipher suite, by IANA's name where this GnuTLS knows it.
    package var cipherSuite: String? {
        if let name = cgnutls_ciphersuite_name(handle) { return String(cString: name) }
        guard let text = gnutls_session_get_desc(handle) else { return nil }
        defer { cgnutls_free(text) }
        return String(cString: text)
    }

    /// The group of the key exchange, as GnuTLS names it.
    package var group: String? {
        gnutls_group_get_name(gnutls_group_get(handle)).map { String(cString: $0) }
    }

    /// How the server signed, as GnuTLS names it; nil in a resumed session.
    package var serverSignatureAlgorithm: String? { name(gnutls_sign_algorithm_get(handle)) }

    /// Likewise the client; nil when it showed no certificate.
    package var clientSignatureAlgorithm: String? {
        let hasSigned = context.role == .client ? gnutls_certificate_get_ours(handle) != nil : !peerChain.isEmpty
        return hasSigned ? name(gnutls_sign_algorithm_get_client(handle)) : nil
    }

    private func name(_ algorithm: Int32) -> String? {
        guard !isResumed else { return nil }
        let name = gnutls_sign_get_name(gnutls_sign_algorithm_t(rawValue: UInt32(max(0, algorithm))))
        return name.map { String(cString: $0) }
    }

    package var isResumed: Bool { gnutls_session_is_resumed(handle) != 0 }

    /// The peer's chain as it was sent, the leaf first; empty when it sent none.
    package var peerChain: [[UInt8]] {
        var count: UInt32 = 0
        guard let list = gnutls_certificate_get_peers(handle, &count) else { return [] }
        return UnsafeBufferPointer(start: list, count: Int(count)).map {
            Array(UnsafeBufferPointer(start: $0.data, count: Int($0.size)))
        }
    }

    /// The OCSP responses that the peer stapled to the certificates of ``peerChain``, by position, as far as the last.
    package var peerStaples: [[UInt8]] {
        var staples: [[UInt8]] = []
        var count: UInt32 = 0
        guard gnutls_certificate_get_peers(handle, &count) != nil else { return [] }
        for index in 0..<count {
            var datum = gnutls_datum_t()
            let isThere = gnutls_ocsp_status_request_get2(handle, index, &datum) >= 0
            staples.append(isThere ? Array(UnsafeBufferPointer(start: datum.data, count: Int(datum.size))) : [])
        }
        return staples
    }

    /// The certificate that was shown to the peer, where it asked for one and one was chosen; in a resumed session the
    /// one that was shown in the full handshake.
    package var shownCertificate: Certificate? { shown?.chain.first }

    /// Whether the peer asked for our certificate.
    package var wasAskedForCertificate: Bool { gnutls_certificate_client_get_request_status(handle) != 0 }

    /// How long the external key took.
    package var timeToSign: Duration { signatureTime }

    /// In the server's role, the name that the client asked for.
    package var requestedServerName: String? {
        guard context.role == .server else { return nil }
        var buffer = [UInt8](repeating: 0, count: 256)
        var length = buffer.count
        var type: UInt32 = 0
        guard gnutls_server_name_get(handle, &buffer, &length, &type, 0) == 0 else { return nil }
        return String(decoding: buffer.prefix(length), as: UTF8.self)
    }
}

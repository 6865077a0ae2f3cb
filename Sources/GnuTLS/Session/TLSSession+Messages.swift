import CGnuTLS

extension TLSSession {
    /// Has this session look at handshake messages before GnuTLS acts on them. A session has one such hook.
    func watchMessages() {
        guard context.role == .client else { return }
        gnutls_handshake_set_hook_function(handle, .max, GNUTLS_HOOK_BOTH) { handle, type, when, _, body in
            guard let handle, let session = TLSSession.of(gnutls_session_get_ptr(handle)), let body = body?.pointee
            else { return GNUTLS_E_INTERNAL_ERROR }
            guard when != UInt32(bitPattern: GNUTLS_HOOK_POST) else {
                let isTicket = gnutls_handshake_description_t(type) == GNUTLS_HANDSHAKE_NEW_SESSION_TICKET
                if isTicket { session.ticketWasRead() }
                return 0
            }
            return session.message(type, UnsafeBufferPointer(start: body.data, count: Int(body.size)))
        }
    }

    /// - Returns: A negative number ends the handshake.
    private func message(_ type: UInt32, _ body: UnsafeBufferPointer<UInt8>) -> Int32 {
        do throws(HelloExtensions.Violation) {
            switch gnutls_handshake_description_t(type) {
            case GNUTLS_HANDSHAKE_CLIENT_HELLO:
                hello = try HelloExtensions(clientHello: Array(body))
            case GNUTLS_HANDSHAKE_SERVER_HELLO:
                try checkAnswer(HelloExtensions(serverHello: Array(body)))
            case GNUTLS_HANDSHAKE_ENCRYPTED_EXTENSIONS:
                try checkAnswer(HelloExtensions(list: Array(body)[...]))
            case GNUTLS_HANDSHAKE_NEW_SESSION_TICKET: ticketCame(body)
            default: break
            }
            return 0
        } catch {
            switch error {
            case .malformed: return GNUTLS_E_UNEXPECTED_PACKET_LENGTH
            case .duplicate: return GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER
            case .unasked: return GNUTLS_E_RECEIVED_ILLEGAL_EXTENSION
            case .protocolNotOffered(let name):
                failure = failure ?? TLSFailure(.protocolNotOffered(name))
                return GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER
            }
        }
    }

    private func checkAnswer(_ answer: HelloExtensions) throws(HelloExtensions.Violation) {
        try hello?.checkAnswer(answer, protocols: context.options.applicationProtocols)
    }
}

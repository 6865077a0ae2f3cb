import MTLSClient

/// The exit codes, which are curl's.
enum ExitStatus {
    static let usage: Int32 = 2
    static let httpError: Int32 = 22
    static let writeFailed: Int32 = 23
    static let readFailed: Int32 = 26
    static let cancelled: Int32 = 42
    static let internalError: Int32 = 43
    static let identity: Int32 = 58
    /// The server's certificate is refused.
    static let unverified: Int32 = 60
    static let proxy: Int32 = 97

    /// The code for what went wrong in a transfer.
    static func of(_ error: MTLSError) -> Int32 {
        // Whatever a SOCKS proxy says is one code to curl.
        if error.underlying is SOCKS5Failure { return proxy }
        return switch error.code {
        case .redirectInsecure: 1
        case .urlInvalid, .redirectInvalid: 3
        case .requestInvalid, .tlsOptionsInvalid: usage
        case .resolveFailed: error.phase == .proxy ? 5 : 6
        case .localAddressUnavailable: 45
        case .requestBodyFailed: readFailed
        case .connectFailed, .queueFull: 7
        case .responseMalformed: 8
        case .responseTruncated: 18
        case .connectionInsecure, .handshakeFailed, .versionUnsupported, .serverNameUnknown,
            .applicationProtocolUnsupported:
            35
        // Under TLS 1.3 the server's verdict on our certificate comes when the handshake is over.
        case .clientCertificateRejected, .clientCertificateRequired:
            ((error.underlying as? MTLSError) ?? error).phase == .handshake ? 35 : 56
        case .clientClosed, .cancelled: cancelled
        case .invariantViolated: internalError
        case .responseEmpty: 52
        case .connectionLost: error.phase == .request ? 55 : 56
        case .tlsFailed, .renegotiationDeclined: 56
        case .redirectLimit: 47
        case .responseEncodingInvalid: 61
        case .responseTooLarge: 63
        case .requestBodySpent: 65
        case .trustUnreadable: 77
        case .pinMismatch: 90
        case .stapleMissing, .stapleInvalid: 91
        case .trustInvalid: usage
        default: of(family: error)
        }
    }

    private static func of(family error: MTLSError) -> Int32 {
        switch error.code.rawValue.prefix(while: { $0 != "." }) {
        case "timeout": 28
        case "identity", "token", "pki": identity
        case "file": writeFailed
        case "tls": unverified
        default: error.phase == .connect ? 7 : 56
        }
    }

    /// What curl's `ssl_verify_result` is with OpenSSL.
    static func verification(_ error: MTLSError) -> Int {
        switch error.code {
        case .revocationUnknown, .stapleMissing: 3
        case .certificateSignatureInvalid: 7
        case .certificateNotYetValid: 9
        case .certificateExpired: 10
        case .issuerUnknown: 20
        case .chainTooDeep: 22
        case .certificateRevoked: 23
        case .purposeMismatch: 26
        case .nameMismatch: 62
        case .certificateWeak: 66
        case .extensionUnknown: 34
        case .constraintViolated: 79
        case .certificateInvalid, .certificateMalformed, .certificateRefused, .pinMismatch, .stapleInvalid: 1
        default: 0
        }
    }
}

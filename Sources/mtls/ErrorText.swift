import MTLSClient

/// A transfer's error, with the remedy in the command's own words.
enum ErrorText {
    static func line(_ error: MTLSError) -> String {
        var text = error.message
        if let origin = error.origin { text += " [\(origin)]" }
        if let advice = advice(error) { text += " (\(advice))" }
        return text
    }

    /// The library speaks of its own settings, to those who write programs.
    private static func advice(_ error: MTLSError) -> String? {
        switch error.code {
        case .issuerUnknown where error.phase == .proxy:
            "name the file of its issuer's certificate with --proxy-cacert, if you trust it"
        case .clientCertificateRequired where error.phase == .proxy: "name one with --proxy-cert and --proxy-key"
        case .nameMismatch where error.phase == .proxy: "name the proxy as its certificate does"
        case .proxyAuthenticationRequired: "give --proxy-user, with --proxy-password-source or --proxy-password-env"
        case .localAddressUnavailable: "give --interface an address of this machine"
        case .timeoutRequest: "allow more with --max-time"
        case .timeoutConnect, .timeoutHandshake: "allow more with --connect-timeout"
        case .timeoutSignature: "is somebody to touch the token, or to type its PIN?"
        case .clientCertificateRequired: "name one with --cert, and its key with --key"
        case .renegotiationDeclined: "let it with --renegotiate"
        case .serverNameUnknown: "check the host's name"
        case .versionUnsupported: "look at --tlsv1.3 and --tls-max"
        case .passphraseMissing: "say where it is with --pass-source or --pass-env"
        case .pinMissing: "say where it is with --pin-source or --pin-env"
        case .tokenModuleUnavailable: "check the path given to --module, and that the module's package is installed"
        case .issuerUnknown: "name the file of the issuer's certificate with --cacert, if you trust it"
        case .nameMismatch: "ask for a name that it is for; --connect-to and --resolve lead it to this address"
        default: error.advice
        }
    }
}

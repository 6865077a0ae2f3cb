import GnuTLS
import MTLSCore

/// What a fatal alert means to the one who asked for the connection (RFC 8446 §6.2, RFC 5246 §7.2.2).
struct AlertMeaning: Equatable {
    /// What is known when the alert comes.
    struct Situation {
        /// The subject of the client certificate that was shown or was about to be; nil when there is none.
        var client: String?
        /// Whether the peer had asked for a client certificate.
        var wasAsked = false
        /// Whether we are the client.
        var isClient = true
        /// Whether the handshake was over on our side.
        var isEstablished = false
        /// Whether the peer wished for renegotiation and was told no.
        var hasDeclinedRenegotiation = false
    }

    let code: MTLSError.Code
    let fault: MTLSError.Fault
    /// What the peer did, to be put behind its name.
    let text: String
    let advice: String?

    static func of(_ number: UInt8, _ situation: Situation) -> AlertMeaning {
        guard situation.isClient else { return general(number, situation) }
        if number == 40 || number == 100, situation.hasDeclinedRenegotiation { return renegotiation }
        // A missing certificate is a handshake_failure to OpenSSL under TLS 1.2, a decode_error to GnuTLS.
        let isMissing = [40, 50].contains(number) && situation.wasAsked && situation.client == nil
        guard isMissing || concernsCertificate(number) else { return general(number, situation) }
        guard let client = situation.client else {
            return AlertMeaning(
                code: .clientCertificateRequired, fault: .caller,
                text: "demands a client certificate and none was configured",
                advice: "configure an identity for this host")
        }
        return AlertMeaning(
            code: .clientCertificateRejected, fault: .caller, text: "rejected the client certificate \(client)",
            advice: adviceOnCertificate(number))
    }

    /// bad_certificate to certificate_unknown, unknown_ca, access_denied, certificate_required.
    private static func concernsCertificate(_ number: UInt8) -> Bool {
        (41...46).contains(number) || number == 48 || number == 49 || number == 116
    }

    private static func adviceOnCertificate(_ number: UInt8) -> String {
        switch number {
        case 43: "use a certificate of another kind: the server does not support this one's key, signature or usage"
        case 44: "the server takes it for revoked: ask its issuer for another one"
        case 45: "renew it, and compare the clocks"
        case 48: "have the server trust its issuer, and give the intermediate certificates along with it"
        case 49: "the server knows it and denies access: have its subject admitted"
        case 116: "the server did not take it for a certificate that it could accept: look at its log"
        default: "check that the server trusts its issuer and that it has not expired or been revoked"
        }
    }

    private static let renegotiation = AlertMeaning(
        code: .renegotiationDeclined, fault: .caller,
        text: "wanted to renegotiate, probably to ask for a client certificate, and gave up when that was declined",
        advice: "use TLS 1.3, or allow it with TLSSettings.allowsRenegotiation")

    private static func general(_ number: UInt8, _ situation: Situation) -> AlertMeaning {
        let failed: MTLSError.Code = situation.isEstablished ? .tlsFailed : .handshakeFailed
        func peer(_ text: String, _ advice: String? = nil, code: MTLSError.Code? = nil) -> AlertMeaning {
            AlertMeaning(code: code ?? failed, fault: .peer, text: text, advice: advice)
        }
        func caller(_ text: String, _ advice: String, code: MTLSError.Code? = nil) -> AlertMeaning {
            AlertMeaning(code: code ?? failed, fault: .caller, text: text, advice: advice)
        }
        switch number {
        case 40:
            return peer(
                "found no TLS parameters in common",
                situation.client.map { "or it does not accept the client certificate \($0)" }
                    ?? "compare versions, cipher suites and kinds of certificates")
        case 10, 22, 30, 47, 50, 109, 110:
            return peer("says that our messages break the protocol", "report it, with the server's name and version")
        case 20, 21:
            return AlertMeaning(
                code: failed, fault: .network, text: "could not decrypt what it got",
                advice: "something between here and there may have changed it")
        case 51:
            return peer("could not verify a signature or the handshake's digest")
        case 60, 71:
            return peer("demands stronger cipher suites or keys", "look at the priority string and the system's policy")
        case 70, 86:
            return peer(
                "does not speak the versions of TLS that were offered", "allow others (TLSSettings.minimumVersion)",
                code: .versionUnsupported)
        case 80:
            return peer("met an error of its own", "look at the server's log")
        case 90:
            return peer("gave up the handshake")
        case 112:
            return caller(
                "serves no host of the name that was asked for", "check the host, or set TLSSettings.serverName",
                code: .serverNameUnknown)
        case 115:
            return peer("does not know the session that was to be resumed")
        case 120:
            return caller(
                "speaks none of the protocols that were offered", "offer others (TLSSettings.applicationProtocols)",
                code: .applicationProtocolUnsupported)
        default:
            return peer("ended the TLS connection")
        }
    }
}

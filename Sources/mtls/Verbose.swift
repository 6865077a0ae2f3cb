import Glibc
import HTTPTypes
import MTLSClient

/// The lines of `--verbose`. No secret is in them, and nothing that a terminal would obey.
enum Verbose {
    /// What there is to say of a handshake.
    static func lines(_ handshake: HandshakeSummary, isVerified: Bool) -> [String] {
        var lines = [
            "\(handshake.version.rawValue), \(handshake.cipherSuite), "
                + (handshake.group.map { "\($0), " } ?? "") + (handshake.isResumed ? "resumed" : "full handshake")
                + " in \(handshake.duration.forPeople)",
            handshake.applicationProtocol.map { "ALPN: server accepted \($0)" } ?? "ALPN: server chose no protocol",
        ]
        if let server = handshake.peerChain.first {
            lines += [
                "Server certificate:", "  subject: \(server.subject)", "  issuer: \(server.issuer)",
                "  valid: \(date(server.notBefore)) to \(date(server.notAfter))",
            ]
            if let algorithm = handshake.serverSignatureAlgorithm { lines.append("  signed by: \(algorithm)") }
            lines.append(isVerified ? "  verified, and for this host" : "  NOT verified (--insecure)")
        }
        if let client = handshake.clientCertificate {
            let verb = handshake.isResumed ? "of the resumed session" : "shown"
            lines.append("Client certificate \(verb): \(client.subject), expires \(date(client.notAfter))")
            if let algorithm = handshake.clientSignatureAlgorithm { lines.append("  signed by: \(algorithm)") }
        } else if handshake.peerAskedForCertificate {
            lines.append("Server asked for a client certificate; none was shown")
        } else if !handshake.isResumed {
            lines.append("Server did not ask for a client certificate")
        }
        if handshake.signatureDuration > .zero {
            lines.append("The key in the token signed in \(handshake.signatureDuration.forPeople)")
        }
        return lines.map(star)
    }

    /// What there is to say of it when the server has asked for a certificate since.
    static func laterLines(_ handshake: HandshakeSummary?) -> [String] {
        guard let handshake, handshake.isAuthenticatedLater, let client = handshake.clientCertificate else { return [] }
        return [star("Client certificate shown after the handshake: \(client.subject)")]
    }

    static func star(_ text: String) -> String { "* \(Printable.escape(text))" }

    /// The request's lines.
    static func lines(_ head: RequestHead) -> [String] {
        ["> \(head.method.rawValue) \(Printable.escape(head.target)) HTTP/1.1"] + lines(head.fields, "> ") + [">"]
    }

    /// The lines of the response's head.
    static func lines(_ head: HTTPResponse, version: String) -> [String] {
        ["< \(version) \(head.status.code) \(Printable.escape(head.status.reasonPhrase))"]
            + lines(head.headerFields, "< ") + ["<"]
    }

    private static let secret: Set<String> = ["authorization", "proxy-authorization", "cookie", "set-cookie"]

    private static func lines(_ fields: HTTPFields, _ mark: String) -> [String] {
        fields.map { field in
            let value = secret.contains(field.name.canonicalName) ? "[redacted]" : Printable.escape(field.value)
            return "\(mark)\(field.name.rawName): \(value)"
        }
    }

    /// A time in seconds since 1970, in UTC.
    static func date(_ seconds: Int64) -> String {
        var time = time_t(seconds)
        var parts = tm()
        guard gmtime_r(&time, &parts) != nil else { return "\(seconds)" }
        var text = [CChar](repeating: 0, count: 64)
        let count = strftime(&text, text.count, "%Y-%m-%d %H:%M:%S UTC", &parts)
        return String(decoding: text.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

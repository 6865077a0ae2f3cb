import MTLSClient

/// A probe's report, for people and programs.
enum ProbeText {
    static func lines(_ report: ProbeReport) -> [String] {
        var lines = ["\(report.origin)"]
        if !report.addresses.isEmpty { lines += row("addresses", report.addresses.joined(separator: ", ")) }
        for version in report.versions { lines += row(version.version.rawValue, text(version)) }
        lines += server(report) + client(report)
        if let attempt = report.attempt { lines += text(attempt) }
        lines += row("times", times(report.timings).map { "\($0) \($1.forPeople)" }.joined(separator: ", "))
        if !report.notes.isEmpty { lines.append("worth knowing") }
        for note in report.notes { lines.append("  \(note.message)" + (note.remedy.map { "  → \($0)" } ?? "")) }
        return lines.map(Printable.escape)
    }

    private static func row(_ name: String, _ text: String) -> [String] {
        text.isEmpty ? [] : ["  " + name + String(repeating: " ", count: max(1, 12 - name.count)) + text]
    }

    private static func text(_ version: ProbeReport.Version) -> String {
        guard version.isSpoken else { return "not spoken: \(version.failure?.message ?? "no handshake")" }
        guard let handshake = version.handshake else {
            return "spoken; "
                + (version.failure?.message ?? "the handshake ends without a client certificate")
        }
        var parts = [handshake.cipherSuite, "ALPN \(handshake.applicationProtocol ?? "none")"]
        if version.isStapled == true { parts.append("OCSP stapled") }
        return parts.joined(separator: ", ")
    }

    private static func server(_ report: ProbeReport) -> [String] {
        guard let leaf = report.chain.first else { return [] }
        var lines = ["server"]
        for (number, certificate) in report.chain.enumerated() {
            lines += row(number == 0 ? "certificate" : "", "\(certificate.subject), \(certificate.publicKey.forPeople)")
            lines += row(
                "", "  \(Verbose.date(certificate.notBefore)) to \(Verbose.date(certificate.notAfter))")
        }
        lines += row("issuer", report.chain.last?.issuer ?? "")
        lines += row("names", PkiDescription.names(leaf).joined(separator: " "))
        lines += row(
            "verdict", report.refusal.map { "REFUSED: \(ErrorText.line($0))" } ?? "trusted, for \(report.serverName)")
        return lines
    }

    private static func client(_ report: ProbeReport) -> [String] {
        guard let demand = report.demand else { return [] }
        let words =
            switch demand {
            case .none: "not asked for"
            case .requested: "asked for; the handshake goes on without one"
            case .required: "demanded: without one the server ends the connection"
            }
        var lines = ["client certificate"] + row("demand", words)
        if demand != .none {
            let issuers = report.acceptedIssuers.isEmpty ? ["any"] : report.acceptedIssuers
            for (number, issuer) in issuers.enumerated() { lines += row(number == 0 ? "issuers" : "", issuer) }
            lines += row("schemes", report.acceptedSchemes.map { "\($0)" }.joined(separator: ", "))
        }
        for (number, candidate) in report.candidates.enumerated() {
            let mark = candidate.isChosen ? "would be shown: " : "would not be: "
            lines += row(number == 0 ? "identities" : "", "\(mark)\(candidate.identity): \(candidate.reason)")
        }
        return lines
    }

    private static func text(_ attempt: ProbeReport.Attempt) -> [String] {
        var lines = ["request"]
        lines += row("GET", attempt.status.map { "status \($0)" } ?? "failed: \(attempt.failure?.message ?? "")")
        if let handshake = attempt.handshake {
            lines += row("agreed", "\(handshake.version.rawValue), \(handshake.cipherSuite)")
            lines += row("shown", handshake.clientCertificate?.subject ?? "no client certificate")
        }
        lines += row("resumed", attempt.isResumed.map { $0 ? "yes" : "no" } ?? "not tried")
        return lines
    }

    private static func times(_ timings: ProbeReport.Timings) -> [(String, Duration)] {
        [
            ("resolve", timings.resolve), ("connect", timings.connect), ("handshake", timings.handshake),
            ("signature", timings.signature), ("first byte", timings.firstByte),
        ].compactMap { name, time in time.map { (name, $0) } }
    }

    // MARK: JSON

    static func json(_ report: ProbeReport, _ status: Int32) -> JSON {
        .object([
            ("origin", .string(report.origin.description)), ("serverName", .string(report.serverName)),
            ("addresses", strings(report.addresses)), ("versions", .array(report.versions.map(json))),
            ("chain", .array(report.chain.map(PkiDescription.json))),
            ("trusted", .bool(report.refusal == nil && !report.chain.isEmpty)), ("refusal", json(report.refusal)),
            ("demand", JSON(report.demand?.rawValue)), ("acceptedIssuers", strings(report.acceptedIssuers)),
            ("acceptedSchemes", strings(report.acceptedSchemes.map { "\($0)" })),
            (
                "candidates",
                .array(
                    report.candidates.map { candidate in
                        .object([
                            ("subject", .string(candidate.identity.subject)),
                            ("source", .string(Printable.escape(candidate.identity.source))),
                            ("chosen", .bool(candidate.isChosen)), ("reason", .string(candidate.reason)),
                        ])
                    })
            ),
            ("attempt", report.attempt.map(json) ?? .null),
            (
                "microseconds",
                .object(times(report.timings).map { ($0 == "first byte" ? "firstByte" : $0, microseconds($1)) })
            ),
            (
                "notes",
                .array(
                    report.notes.map { .object([("message", .string($0.message)), ("remedy", JSON($0.remedy))]) })
            ),
            ("error", json(report.error)), ("exitCode", .number(Int(status))),
        ])
    }

    private static func json(_ version: ProbeReport.Version) -> JSON {
        .object([
            ("version", .string(version.version.rawValue)), ("spoken", .bool(version.isSpoken)),
            ("demand", JSON(version.demand?.rawValue)),
            ("cipherSuite", JSON(version.handshake?.cipherSuite)),
            ("applicationProtocol", JSON(version.handshake?.applicationProtocol)),
            ("stapled", version.isStapled.map { .bool($0) } ?? .null), ("failure", json(version.failure)),
        ])
    }

    private static func json(_ attempt: ProbeReport.Attempt) -> JSON {
        .object([
            ("status", attempt.status.map { .number($0) } ?? .null),
            ("version", JSON(attempt.handshake?.version.rawValue)),
            ("cipherSuite", JSON(attempt.handshake?.cipherSuite)),
            ("clientCertificate", JSON(attempt.handshake?.clientCertificate?.subject)),
            ("resumed", attempt.isResumed.map { .bool($0) } ?? .null), ("failure", json(attempt.failure)),
        ])
    }

    private static func json(_ error: MTLSError?) -> JSON {
        guard let error else { return .null }
        return .object([
            ("code", .string(error.code.rawValue)), ("message", .string(error.message)), ("remedy", JSON(error.advice)),
        ])
    }

    private static func strings(_ texts: [String]) -> JSON { .array(texts.map { .string($0) }) }

    private static func microseconds(_ duration: Duration) -> JSON {
        .number(Int(clamping: duration.saturatedNanoseconds / 1000))
    }
}

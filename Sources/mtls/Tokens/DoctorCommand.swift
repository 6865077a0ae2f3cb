import ArgumentParser
import MTLSClient

/// `mtls doctor`.
struct DoctorCommand: TokenCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Examine an identity in a token, and say what is wrong and what helps.",
        discussion: """
            It finds module, token, certificate and key, logs in, looks at dates, attributes and mechanisms, and makes a \
            test signature. One line for each finding; exit code 0 when the identity can be used, else 58. A wrong PIN \
            costs one of the token's tries, and is sent once.
            """)

    @Argument(help: "The key's or the certificate's URI.") var uri: String
    @Option(
        name: [.customShort("E"), .long], parsing: .unconditional,
        help: ArgumentHelp("The certificate, if it is not in the token with the key.", valueName: "file|uri"))
    var cert: String?
    @OptionGroup var token: TokenOptions
    @Flag(name: .long, help: "Let warnings fail, too.") var strict = false
    @Flag(name: .long, help: "Write JSON.") var json = false

    func perform() async throws -> Int32 {
        let doctor = TokenDoctor(
            uri, pin: try token.pin(for: uri), certificate: cert, module: token.module)
        let report = await doctor.examine()
        if json { Answer.write(Self.json(report)) } else { Answer.write(report.findings.map(Self.line)) }
        return (strict ? report.isFlawless : report.isUsable) ? 0 : ExitStatus.identity
    }

    static func line(_ finding: IdentityReport.Finding) -> String {
        let word =
            switch finding.severity {
            case .ok: "ok  "
            case .warning: "warn"
            case .failure: "FAIL"
            }
        return "\(word)  \(finding.message)" + (finding.remedy.map { "  → \($0)" } ?? "")
    }

    static func json(_ report: IdentityReport) -> JSON {
        .object([
            ("usable", .bool(report.isUsable)), ("flawless", .bool(report.isFlawless)),
            (
                "findings",
                .array(
                    report.findings.map { finding in
                        .object([
                            ("code", .string(finding.code.rawValue)), ("severity", .string(finding.severity.rawValue)),
                            ("message", .string(finding.message)), ("remedy", JSON(finding.remedy)),
                        ])
                    })
            ),
        ])
    }
}

import GnuTLS
import MTLSClient

/// What a command of `mtls pki` has made, and what to do with it.
struct PkiSummary {
    private let certificate: Certificate
    private var files: [(role: String, path: String, note: String)] = []
    /// Commands to run next.
    var next: [String] = []

    init(_ certificate: Certificate) {
        self.certificate = certificate
    }

    /// - Parameter path: Or a URI.
    mutating func add(_ role: String, _ path: String, _ note: String) {
        files.append((role, path, note))
    }

    var lines: [String] {
        let subject = certificate.subject.isEmpty ? "a certificate without a subject" : certificate.subject
        var lines = ["made \(subject), \(certificate.publicKey.forPeople)"]
        lines[0] += ", valid until \(Verbose.date(certificate.notAfter))"
        lines += Columns.aligned(files.map { ["  \($0.path)", $0.note] })
        if !next.isEmpty { lines.append("next:") }
        return lines + next.map { "  \($0)" }
    }

    var json: JSON {
        .object([
            ("certificate", PkiDescription.json(certificate)),
            ("files", .object(files.map { ($0.role, .string($0.path)) })),
            ("next", .array(next.map { .string($0) })),
        ])
    }

    func write(json asJSON: Bool) {
        if asJSON { Answer.write(json) } else { Answer.write(lines) }
    }
}

/// Words of commands that are to be pasted.
enum ShellWord {
    static func quoted(_ word: String) -> String {
        let isPlain =
            !word.isEmpty && word.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_./@:,+".contains($0)) }
        return isPlain
            ? word
            : "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#) + "'"
    }
}

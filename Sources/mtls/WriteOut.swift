import HTTPTypes

/// The format of `--write-out`.
struct WriteOut {
    enum Stream { case output, error }

    /// Text and where it goes.
    struct Piece: Equatable {
        var stream: Stream
        var text: String
    }

    let format: String

    /// Fills the format in.
    ///
    /// - Returns: The pieces to write, in order, and the names that are no variables.
    func rendered(_ report: Report) -> (pieces: [Piece], unknown: [String]) {
        var pieces: [Piece] = []
        var unknown: [String] = []
        var stream = Stream.output
        func append(_ text: some StringProtocol) {
            if let last = pieces.last, last.stream == stream {
                pieces[pieces.count - 1].text += text
            } else {
                pieces.append(Piece(stream: stream, text: String(text)))
            }
        }

        var rest = format[...]
        while let character = rest.popFirst() {
            switch character {
            case "\\": append(Self.escape(rest.popFirst()))
            case "%" where rest.first == "%":
                rest.removeFirst()
                append("%")
            case "%" where rest.hasPrefix("{"):
                switch Self.braced(&rest, after: "{") {
                case nil: append("%")
                case "stdout": stream = .output
                case "stderr": stream = .error
                case "json": append(Self.json(report))
                case "onerror":
                    if report.exitCode == 0 { return (pieces, unknown) }
                case let name?:
                    if let value = report.value(of: name) { append(value.text) } else { unknown.append(name) }
                }
            case "%" where rest.hasPrefix("header{"):
                guard let name = Self.braced(&rest, after: "header{") else {
                    append("%")
                    continue
                }
                append(HTTPField.Name(name).flatMap { report.head?.headerFields[values: $0].first } ?? "")
            default: append(String(character))
            }
        }
        return (pieces, unknown)
    }

    private static func escape(_ character: Character?) -> String {
        switch character {
        case "n": "\n"
        case "r": "\r"
        case "t": "\t"
        case let other?: "\\\(other)"
        case nil: "\\"
        }
    }

    /// Takes what stands before the closing brace; leaves all as it is when there is none.
    private static func braced(_ rest: inout Substring, after opening: String) -> String? {
        guard let end = rest.firstIndex(of: "}") else { return nil }
        defer { rest = rest[rest.index(after: end)...] }
        return String(rest[..<end].dropFirst(opening.count))
    }

    private static func json(_ report: Report) -> String {
        let members = Report.names.map { "\"\($0)\":\(report.value(of: $0)?.json ?? "null")" }
        return "{\(members.joined(separator: ","))}"
    }
}

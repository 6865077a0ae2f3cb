/// What one `-d` or `--data-binary` says.
enum DataPart: Equatable {
    enum Kind {
        /// `-d`: line breaks and NULs of files are left out.
        case text
        /// `--data-binary`: files as they are.
        case binary
    }

    case literal(String)
    /// `-` is standard input.
    case file(String, Kind)

    init(_ text: String, _ kind: Kind) {
        self = text.hasPrefix("@") ? .file(String(text.dropFirst()), kind) : .literal(text)
    }

    /// The parts in the order of the command line.
    static func inOrder(_ kinds: [Kind], text: [String], binary: [String]) -> [DataPart] {
        var text = text[...]
        var binary = binary[...]
        return kinds.compactMap { kind in
            (kind == .text ? text.popFirst() : binary.popFirst()).map { DataPart($0, kind) }
        }
    }

    /// The body: the parts with `&` between them.
    ///
    /// - Parameter read: Reads a file.
    static func body<Failure: Error>(
        _ parts: [DataPart], read: (String) throws(Failure) -> [UInt8]
    ) throws(Failure) -> [UInt8] {
        var body: [UInt8] = []
        for (index, part) in parts.enumerated() {
            if index > 0 { body.append(UInt8(ascii: "&")) }
            switch part {
            case .literal(let text): body += text.utf8
            case .file(let path, .binary): body += try read(path)
            case .file(let path, .text): body += try read(path).filter { $0 != 0 && $0 != 10 && $0 != 13 }
            }
        }
        return body
    }
}

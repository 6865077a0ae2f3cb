import HTTPTypes

/// What one `-H` says.
enum HeaderOption: Equatable {
    /// `Name: value`, or `Name;` for an empty value.
    case field(HTTPField.Name, String)
    /// `Name:` leaves a default field out.
    case removal(HTTPField.Name)
    /// `@file`: a field in each line.
    case file(String)

    /// - Throws: ``UsageError``, which does not quote the text: it may hold a secret.
    init(_ text: String) throws(UsageError) {
        if text.hasPrefix("@") {
            self = .file(String(text.dropFirst()))
        } else if let colon = text.firstIndex(of: ":") {
            let name = try Self.name(text[..<colon])
            let value = text[text.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
            self = value.isEmpty ? .removal(name) : .field(name, String(value))
        } else if text.last == ";" {
            self = .field(try Self.name(text.dropLast()), "")
        } else {
            throw UsageError("a value of -H is none of 'Name: value', 'Name:', 'Name;' and '@file'")
        }
    }

    private static func name(_ text: Substring) throws(UsageError) -> HTTPField.Name {
        guard let name = HTTPField.Name(String(text)) else {
            throw UsageError("a value of -H has a name that header fields cannot have")
        }
        return name
    }

    /// The options in the text of a file.
    static func lines(of text: String) throws(UsageError) -> [HeaderOption] {
        var options: [HeaderOption] = []
        for line in text.split(whereSeparator: \.isNewline) {
            let option = try HeaderOption(String(line))
            if case .file = option { throw UsageError("a file of header fields names another file") }
            options.append(option)
        }
        return options
    }

    /// The fields to send: the defaults that no option names, then the user's.
    static func fields(_ options: [HeaderOption], defaults: HTTPFields) throws(UsageError) -> HTTPFields {
        var fields = defaults
        for option in options {
            switch option {
            case .field(let name, _): fields[name] = nil
            case .removal(let name):
                if ["host", "content-length"].contains(name.canonicalName) {
                    throw UsageError("-H '\(name.rawName):' would remove a field that HTTP/1.1 needs")
                }
                fields[name] = nil
            case .file: break
            }
        }
        for case .field(let name, let value) in options { fields.append(HTTPField(name: name, value: value)) }
        return fields
    }
}

import HTTPTypes

/// The versions that a response on an HTTP/1 connection can have.
package enum HTTP1Version: Sendable {
    case http10, http11
}

extension HTTPField.Name {
    /// RFC 9110 §7.2. HTTPTypes hides its own.
    static let host = known("Host")
    /// RFC 2068 §19.7.1.1, and what servers have made of it since.
    static let keepAlive = known("Keep-Alive")

    private static func known(_ name: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(name) else {
            fatalError("not a token")  // safe: only the literals above come here
        }
        return name
    }
}

extension HTTPFields {
    /// Where the first field of that name stands, from `start` on. HTTPTypes' own search compares all names in full, and
    /// its subscripts join the values.
    func position(of name: HTTPField.Name, from start: Int = 0) -> Int? {
        let wanted = name.canonicalName
        let length = wanted.utf8.count
        var position = start
        while position < endIndex {
            let candidate = self[position].name.canonicalName
            if candidate.utf8.count == length, candidate == wanted { return position }
            position += 1
        }
        return nil
    }

    /// The members of a comma-separated list (RFC 9110 §5.6.1), of all fields of that name, trimmed.
    func list(_ name: HTTPField.Name) -> [Substring] {
        guard position(of: name) != nil, let value = self[name] else { return [] }
        return value.split(separator: ",").map(\.trimmed).filter { !$0.isEmpty }
    }

    /// Whether the list holds `token`, which is in lower case.
    func list(_ name: HTTPField.Name, contains token: StaticString) -> Bool {
        var position = position(of: name)
        while let found = position {
            if self[found].withUnsafeBytesOfValue({ ASCII.list(UnsafeRawBufferPointer($0), contains: token) }) {
                return true
            }
            position = self.position(of: name, from: found + 1)
        }
        return false
    }
}

extension Substring {
    /// Without spaces and tabs at its ends.
    var trimmed: Substring {
        let isBlank = { (character: Character) in character == " " || character == "\t" }
        let start = drop(while: isBlank)
        guard let last = start.lastIndex(where: { !isBlank($0) }) else { return start.prefix(0) }
        return start[...last]
    }

    /// The number that ASCII digits, and nothing else, spell; too large a number becomes the largest.
    var decimal: Int? {
        guard !isEmpty, utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
        return Int(self) ?? .max
    }
}

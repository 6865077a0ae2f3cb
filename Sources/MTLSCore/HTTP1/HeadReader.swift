import HTTPTypes

import func Glibc.memchr

/// Reads a head that is whole: a status line and field lines (RFC 9112 §4 and §5).
struct HeadReader {
    private let bytes: UnsafeRawBufferPointer
    private let fieldLimit: Int
    private var position = 0

    init(_ bytes: UnsafeRawBufferPointer, fieldLimit: Int) {
        self.bytes = bytes
        self.fieldLimit = fieldLimit
    }

    private static let beginning = Array("HTTP/1.".utf8)

    /// Refuses what cannot become a status line as early as it shows.
    static func examineBeginning(_ bytes: UnsafeRawBufferPointer) throws(MTLSError) {
        for (byte, expected) in zip(bytes, beginning) where byte != expected {
            throw malformed("it does not begin with HTTP/1.1")
        }
    }

    /// `HTTP/1.1 200 OK`. The reason may be missing, and the space before it with it.
    mutating func statusLine() throws(MTLSError) -> (HTTPResponse.Status, HTTP1Version) {
        let line = nextLine()
        let version: HTTP1Version
        switch line.count > 8 ? line[7] : 0 {
        case UInt8(ascii: "0"): version = .http10
        case UInt8(ascii: "1"): version = .http11
        default: throw Self.malformed("its version is neither HTTP/1.1 nor HTTP/1.0")
        }
        guard line.count >= 12, line[8] == ASCII.space, line.count == 12 || line[12] == ASCII.space else {
            throw Self.malformed("its status line is not one")
        }
        var code = 0
        for byte in line[9..<12] {
            guard let digit = ASCII.digit(byte) else { throw Self.malformed("its status is no number") }
            code = code * 10 + digit
        }
        guard code >= 100 else { throw Self.malformed("its status is less than 100") }
        let reason = UnsafeRawBufferPointer(rebasing: line[min(13, line.count)...])
        guard reason.allSatisfy(ASCII.isFieldContent) else {
            throw Self.malformed("its status line holds a control character")
        }
        return (Statuses.status(code, reason), version)
    }

    /// The field lines, up to the empty one.
    mutating func fields() throws(MTLSError) -> HTTPFields {
        var fields = HTTPFields()
        fields.reserveCapacity(12)
        while true {
            let line = nextLine()
            if line.isEmpty { return fields }
            guard fields.count < fieldLimit else { throw Self.malformed("it has more than \(fieldLimit) fields") }
            fields.append(try Self.field(line))
        }
    }

    private static func field(_ line: UnsafeRawBufferPointer) throws(MTLSError) -> HTTPField {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else {
            throw malformed(ASCII.isBlank(line[0]) ? "a line is folded" : "a field has no colon")
        }
        let name = UnsafeRawBufferPointer(rebasing: line[..<colon])
        guard let name = FieldNames.name(name) else {
            throw malformed(
                line[0] == ASCII.space || line[0] == ASCII.tab ? "a line is folded" : "a field's name is not a token")
        }
        var (first, last) = (colon + 1, line.count)
        while first < last, ASCII.isBlank(line[first]) { first += 1 }
        while last > first, ASCII.isBlank(line[last - 1]) { last -= 1 }
        let value = UnsafeRawBufferPointer(rebasing: line[first..<last])
        let (isClean, isASCII) = ASCII.examine(value)
        guard isClean else { throw malformed("the field \(name) holds a control character") }
        // What is no UTF-8 is kept as it is.
        guard isASCII else { return HTTPField(name: name, value: value) }
        return HTTPField(name: name, value: String(decoding: value, as: UTF8.self))
    }

    /// The head's lines were found to end with CR LF.
    private mutating func nextLine() -> UnsafeRawBufferPointer {
        guard let lineFeed = ASCII.firstLineFeed(in: bytes, from: position) else {
            return UnsafeRawBufferPointer(rebasing: bytes[..<0])
        }
        defer { position = lineFeed + 1 }
        return UnsafeRawBufferPointer(rebasing: bytes[position..<lineFeed - 1])
    }

    static func malformed(_ reason: String) -> MTLSError {
        MTLSError(.responseMalformed, phase: .response, fault: .peer, "the response cannot be read: \(reason)")
    }
}

/// The line before a chunk (RFC 9112 §7.1): its size, and extensions, which are passed over.
enum ChunkLine {
    /// - Returns: The size, and how many bytes of the line tell it.
    static func size(_ line: UnsafeRawBufferPointer) throws(MTLSError) -> (size: Int, length: Int) {
        var size = 0
        var length = 0
        for byte in line {
            guard let digit = ASCII.hexadecimal(byte) else { break }
            // 2^52 bytes are more than anybody sends; zeros in front are no use but to overflow counters.
            guard length < 16, size < 1 << 52 else { throw HeadReader.malformed("the size of a chunk is too large") }
            size = size << 4 | digit
            length += 1
        }
        guard length > 0 else { throw HeadReader.malformed("the size of a chunk is no hexadecimal number") }
        var rest = length
        while rest < line.count, ASCII.isBlank(line[rest]) { rest += 1 }
        guard length == line.count || rest < line.count && line[rest] == UInt8(ascii: ";") else {
            throw HeadReader.malformed("the size of a chunk is followed by something else than an extension")
        }
        guard line[rest...].allSatisfy(ASCII.isFieldContent) else {
            throw HeadReader.malformed("a chunk's extension holds a control character")
        }
        return (size, length)
    }
}

/// Bytes by their meaning in HTTP.
enum ASCII {
    static let cr: UInt8 = 0x0D
    static let lf: UInt8 = 0x0A
    static let space: UInt8 = 0x20
    static let tab: UInt8 = 0x09

    static func isBlank(_ byte: UInt8) -> Bool { byte == space || byte == tab }

    /// Visible, blank or above ASCII (RFC 9110 §5.5).
    static func isFieldContent(_ byte: UInt8) -> Bool { byte >= space && byte != 0x7F || byte == tab }

    static func digit(_ byte: UInt8) -> Int? { (0x30...0x39).contains(byte) ? Int(byte) - 0x30 : nil }

    static func hexadecimal(_ byte: UInt8) -> Int? {
        switch byte {
        case 0x30...0x39: Int(byte) - 0x30
        case 0x41...0x46: Int(byte) - 0x41 + 10
        case 0x61...0x66: Int(byte) - 0x61 + 10
        default: nil
        }
    }

    /// Whether all bytes are those of a field's value, and whether all are ASCII.
    static func examine(_ bytes: UnsafeRawBufferPointer) -> (isClean: Bool, isASCII: Bool) {
        var isClean = true
        var all: UInt8 = 0
        for byte in bytes {
            isClean = isClean && isFieldContent(byte)
            all |= byte
        }
        return (isClean, all < 0x80)
    }

    /// The number that up to 18 digits, and nothing else, spell.
    static func decimal(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard !bytes.isEmpty, bytes.count <= 18 else { return nil }
        var number = 0
        for byte in bytes {
            guard let digit = digit(byte) else { return nil }
            number = number * 10 + digit
        }
        return number
    }

    /// Whether a comma-separated list (RFC 9110 §5.6.1) has a member that is `token`, which is in lower case, in whatever
    /// case.
    static func list(_ bytes: UnsafeRawBufferPointer, contains token: StaticString) -> Bool {
        let token = UnsafeBufferPointer(start: token.utf8Start, count: token.utf8CodeUnitCount)
        var start = 0
        while start < bytes.count {
            var end = start
            while end < bytes.count, bytes[end] != UInt8(ascii: ",") { end += 1 }
            var (first, last) = (start, end)
            while first < last, isBlank(bytes[first]) { first += 1 }
            while last > first, isBlank(bytes[last - 1]) { last -= 1 }
            if last - first == token.count, token.indices.allSatisfy({ lowercase(bytes[first + $0]) == token[$0] }) {
                return true
            }
            start = end + 1
        }
        return false
    }

    static func lowercase(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte | 0x20 : byte }

    static func firstLineFeed(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard let base = bytes.baseAddress, start < bytes.count,
            let found = memchr(base + start, Int32(lf), bytes.count - start)
        else { return nil }
        return UnsafeRawPointer(found) - base
    }
}

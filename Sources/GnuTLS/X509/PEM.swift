package import SecretMemory

/// The textual encoding of RFC 7468, read strictly, with the headers of RFC 1421 that OpenSSL's old encrypted keys have.
package enum PEM {
    /// One `-----BEGIN label-----` … `-----END label-----`, as a place in the bytes that were read. Nothing of it is
    /// copied until ``contents(of:)`` is called, so that a private key stays where its owner put it.
    package struct Block: Sendable, Equatable {
        package let label: String
        /// The lines `Name: value` before the base64, with their names as they stand.
        package let headers: [String: String]
        /// The number of the BEGIN line, from 1.
        package let line: Int
        /// From the first byte of the BEGIN line through the last byte of the END line.
        package let range: Range<Int>
        fileprivate let body: Range<Int>
        fileprivate let bodyLine: Int

        /// What the base64 stands for. `bytes` are those the block was found in.
        package func contents(of bytes: UnsafeRawBufferPointer) throws(PEMError) -> [UInt8] {
            var contents: [UInt8] = []
            contents.reserveCapacity(body.count / 4 * 3)
            try decode(bytes) { contents.append($0) }
            return contents
        }

        package func contents(of bytes: [UInt8]) throws(PEMError) -> [UInt8] {
            try bytes.withRawBytes { (bytes) throws(PEMError) in try contents(of: bytes) }
        }

        /// The same in locked memory, for keys.
        package func secretContents(of bytes: UnsafeRawBufferPointer) throws(PEMError) -> SecretBytes {
            try SecretBytes(capacity: body.count / 4 * 3 + 3) { (memory) throws(PEMError) in
                var count = 0
                try decode(bytes) { byte in
                    memory[count] = byte
                    count += 1
                }
                return count
            }
        }

        fileprivate func decode(_ bytes: UnsafeRawBufferPointer, _ emit: (UInt8) -> Void) throws(PEMError) {
            guard body.upperBound <= bytes.count else { throw PEMError(line: line, problem: .unterminated(label)) }
            var base64 = Base64Decoder()
            var line = bodyLine
            for byte in UnsafeRawBufferPointer(rebasing: bytes[body]) {
                if byte == UInt8(ascii: "\n") { line += 1 }
                guard base64.take(byte, emit) else { throw PEMError(line: line, problem: .badBase64) }
            }
            guard base64.isComplete else { throw PEMError(line: line, problem: .badBase64) }
        }
    }

    /// Finds the blocks in `bytes`. Text outside of blocks is ignored; every block is checked through to its last
    /// character.
    package static func blocks(in bytes: UnsafeRawBufferPointer) throws(PEMError) -> [Block] {
        var lines = Lines(bytes)
        var blocks: [Block] = []
        while let line = lines.next() {
            if let label = line.label(after: "-----BEGIN ", in: bytes) {
                blocks.append(try block(label, begin: line, &lines, bytes))
            } else if line.label(after: "-----END ", in: bytes) != nil {
                throw PEMError(line: line.number, problem: .strayEnd)
            }
        }
        return blocks
    }

    package static func blocks(in bytes: [UInt8]) throws(PEMError) -> [Block] {
        try bytes.withRawBytes { (bytes) throws(PEMError) in try blocks(in: bytes) }
    }

    /// A block with lines of 64 characters, as text in ASCII.
    package static func encode(label: String, headers: [String] = [], der: [UInt8]) -> [UInt8] {
        var text = Array("-----BEGIN \(label)-----\n".utf8)
        if !headers.isEmpty { text += Array((headers.joined(separator: "\n") + "\n\n").utf8) }
        for start in stride(from: 0, to: der.count, by: 48) {
            Base64Encoder.append(der[start..<min(start + 48, der.count)], to: &text)
            text.append(UInt8(ascii: "\n"))
        }
        return text + Array("-----END \(label)-----\n".utf8)
    }

    private static func block(
        _ label: String, begin: Line, _ lines: inout Lines, _ bytes: UnsafeRawBufferPointer
    ) throws(PEMError) -> Block {
        var headers: [String: String] = [:]
        var body: (start: Int, line: Int)?
        while let line = lines.next() {
            if let end = line.label(after: "-----END ", in: bytes) {
                guard end == label else {
                    throw PEMError(line: line.number, problem: .mismatchedEnd(expected: label, found: end))
                }
                let start = body ?? (line.range.lowerBound, line.number)
                let block = Block(
                    label: label, headers: headers, line: begin.number,
                    range: begin.range.lowerBound..<line.range.upperBound,
                    body: start.start..<line.range.lowerBound, bodyLine: start.line)
                guard !block.body.isEmpty else { throw PEMError(line: begin.number, problem: .empty) }
                try block.decode(bytes) { _ in }
                return block
            }
            if line.label(after: "-----BEGIN ", in: bytes) != nil { break }
            guard body == nil else { continue }
            if let (name, value) = line.header(in: bytes) {
                headers[name] = value
            } else {
                body = (line.range.lowerBound, line.number)
            }
        }
        throw PEMError(line: begin.number, problem: .unterminated(label))
    }
}

/// Where PEM text breaks its rules.
package struct PEMError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Problem: Sendable, Equatable {
        case unterminated(String)
        case mismatchedEnd(expected: String, found: String)
        case strayEnd
        case empty
        case badBase64
    }

    /// From 1.
    package let line: Int
    package let problem: Problem

    package var description: String {
        switch problem {
        case .unterminated(let label): "line \(line): the block \"\(label)\" has no END line"
        case .mismatchedEnd(let expected, let found):
            "line \(line): END names \"\(found)\" where BEGIN named \"\(expected)\""
        case .strayEnd: "line \(line): END without BEGIN"
        case .empty: "line \(line): the block is empty"
        case .badBase64: "line \(line): this is not base64"
        }
    }
}

private struct Line {
    let number: Int
    /// Without the line's end and the blanks before it.
    let range: Range<Int>

    func label(after prefix: StaticString, in bytes: UnsafeRawBufferPointer) -> String? {
        let start = range.lowerBound + prefix.utf8CodeUnitCount
        let end = range.upperBound - 5
        guard start <= end,
            bytes[range.lowerBound..<start].elementsEqual(String(describing: prefix).utf8),
            bytes[end..<range.upperBound].elementsEqual("-----".utf8)
        else { return nil }
        let label = bytes[start..<end]
        return label.allSatisfy(Self.isOfLabel) ? printable(label) : nil
    }

    /// The labels in use (RFC 7468 §4) have no others. What is a label may be shown; a key that lost its line breaks,
    /// and so stands between BEGIN and END on one line, must not be taken for one.
    private static func isOfLabel(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        case UInt8(ascii: " "), UInt8(ascii: "."), UInt8(ascii: "#"): true
        default: false
        }
    }

    func header(in bytes: UnsafeRawBufferPointer) -> (name: String, value: String)? {
        guard let colon = bytes[range].firstIndex(of: UInt8(ascii: ":")) else { return nil }
        let value = bytes[(colon + 1)..<range.upperBound].drop { $0 == UInt8(ascii: " ") }
        return (printable(bytes[range.lowerBound..<colon]), printable(value))
    }
}

private struct Lines {
    private let bytes: UnsafeRawBufferPointer
    private var offset = 0
    private var number = 0

    /// Passes over the byte order mark that some editors write.
    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
        if bytes.starts(with: [0xef, 0xbb, 0xbf]) { offset = 3 }
    }

    mutating func next() -> Line? {
        guard offset < bytes.count else { return nil }
        number += 1
        let start = offset
        var end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
        offset = end + 1
        while end > start, Base64Decoder.isBlank(bytes[end - 1]) { end -= 1 }
        return Line(number: number, range: start..<end)
    }
}

/// Base64 with padding (RFC 4648 §4), a byte at a time; blanks and line ends are passed over, all else is refused.
struct Base64Decoder {
    private var quantum: UInt32 = 0
    private var characters = 0
    private var padding = 0

    /// Whether the text may end here: after a whole quantum of four characters.
    var isComplete: Bool { characters == 0 }

    /// Takes one character and emits the bytes that it completes. False when the character cannot stand here.
    mutating func take(_ character: UInt8, _ emit: (UInt8) -> Void) -> Bool {
        if Self.isBlank(character) || character == UInt8(ascii: "\n") { return true }
        if character == UInt8(ascii: "=") {
            guard characters >= 2 else { return false }
            padding += 1
            quantum <<= 6
        } else {
            guard padding == 0, let value = Self.value(of: character) else { return false }
            quantum = quantum << 6 | value
        }
        characters += 1
        guard characters == 4 else { return true }
        for index in 0..<(3 - padding) { emit(UInt8(truncatingIfNeeded: quantum >> (16 - 8 * index))) }
        characters = 0
        quantum = 0
        return true
    }

    static func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
    }

    private static func value(of character: UInt8) -> UInt32? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}

package enum Base64Encoder {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    package static func append(_ bytes: ArraySlice<UInt8>, to text: inout [UInt8]) {
        for start in stride(from: bytes.startIndex, to: bytes.endIndex, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.endIndex)]
            var quantum: UInt32 = 0
            for index in 0..<3 { quantum = quantum << 8 | (index < group.count ? UInt32(group[start + index]) : 0) }
            for index in 0..<4 {
                text.append(index <= group.count ? alphabet[Int(quantum >> (18 - 6 * index) & 63)] : UInt8(ascii: "="))
            }
        }
    }
}

/// Base64 with padding (RFC 4648 §4) of short texts.
package enum Base64 {
    /// nil where `text` is anything else.
    package static func decoded(_ text: String) -> [UInt8]? {
        var decoder = Base64Decoder()
        var bytes: [UInt8] = []
        for character in text.utf8 {
            guard decoder.take(character, { bytes.append($0) }) else { return nil }
        }
        // One form alone: a character too many, or bits that say nothing, would make two of one.
        return decoder.isComplete && encoded(bytes) == text ? bytes : nil
    }

    package static func encoded(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        Base64Encoder.append(bytes[...], to: &text)
        return String(decoding: text, as: UTF8.self)
    }
}

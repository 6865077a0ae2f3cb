/// A text field of a module, slot, token or object: bytes that should be UTF-8, and may be anything.
package struct TokenText: Hashable, Sendable {
    /// The bytes, without the blanks that pad a fixed field.
    package let bytes: [UInt8]

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Takes a field of fixed length, padded with blanks (PKCS#11) or, against the standard, with NUL.
    init<Field>(padded field: Field) {
        var bytes = withUnsafeBytes(of: field) { Array($0) }
        while let last = bytes.last, last == 0x20 || last == 0 { bytes.removeLast() }
        self.bytes = bytes
    }
}

extension TokenText: CustomStringConvertible {
    /// The text, where what is not printable shows as `\xNN` for each byte.
    package var description: String {
        var text = ""
        var rest = bytes[...]
        while !rest.isEmpty {
            let length = [1, 2, 3, 4].first { String(validating: rest.prefix($0), as: UTF8.self) != nil } ?? 1
            let part = rest.prefix(length)
            if let decoded = String(validating: part, as: UTF8.self),
                decoded.unicodeScalars.allSatisfy(Self.isPrintable)
            {
                text += decoded
            } else {
                for byte in part { text += "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16) }
            }
            rest = rest.dropFirst(length)
        }
        return text
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse: false
        default: true
        }
    }
}

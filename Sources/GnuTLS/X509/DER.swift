/// The distinguished encoding rules of ASN.1 (X.690), as far as certificates are made here.
package enum DER {
    /// Tag, length and contents.
    package static func element(tag: UInt8, _ contents: [UInt8]) -> [UInt8] {
        guard contents.count >= 128 else { return [tag, UInt8(contents.count)] + contents }
        let length = withUnsafeBytes(of: UInt64(contents.count).bigEndian) { Array($0.drop { $0 == 0 }) }
        return [tag, 0x80 | UInt8(length.count)] + length + contents
    }
}

extension DER {
    package static func sequence(_ parts: [UInt8]...) -> [UInt8] { element(tag: 0x30, Array(parts.joined())) }

    package static func sequence(_ parts: [[UInt8]]) -> [UInt8] { element(tag: 0x30, Array(parts.joined())) }

    /// An OBJECT IDENTIFIER, given in dots.
    package static func objectIdentifier(_ dotted: String) -> [UInt8] {
        var numbers = dotted.split(separator: ".").compactMap { UInt64($0) }[...]
        let first = (numbers.popFirst() ?? 0) * 40 + (numbers.popFirst() ?? 0)
        return element(tag: 0x06, ([first] + numbers).flatMap(base128))
    }

    private static func base128(_ number: UInt64) -> [UInt8] {
        var bytes = [UInt8(number & 0x7F)]
        var rest = number >> 7
        while rest > 0 {
            bytes.insert(UInt8(rest & 0x7F) | 0x80, at: 0)
            rest >>= 7
        }
        return bytes
    }

    /// UTCTime until 2049, GeneralizedTime from then on (RFC 5280 §4.1.2.5).
    ///
    /// - Parameter seconds: Since 1970 UTC.
    package static func time(_ seconds: Int64) -> [UInt8] {
        let text = CivilDate.text(seconds)
        return text.hasPrefix("19") && text >= "1950" || text.hasPrefix("20") && text < "2050"
            ? element(tag: 0x17, Array(text.utf8.dropFirst(2))) : element(tag: 0x18, Array(text.utf8))
    }
}

extension CivilDate {
    /// `YYYYMMDDHHMMSSZ`, for years of four digits.
    package static func text(_ seconds: Int64) -> String {
        let days = Int((Double(seconds) / 86_400).rounded(.down))
        let second = Int(seconds) - days * 86_400
        // Counted from March of the year 0 in eras of 400 years.
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        func padded(_ number: Int, _ width: Int) -> String {
            let text = "\(number)"
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        return padded(year, 4) + padded(month, 2) + padded(day, 2) + padded(second / 3600, 2)
            + padded(second / 60 % 60, 2) + padded(second % 60, 2) + "Z"
    }
}

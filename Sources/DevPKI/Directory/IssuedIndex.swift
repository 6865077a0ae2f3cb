#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// What an authority has issued, in the form of OpenSSL's `index.txt`, so that `openssl ca` and `openssl ocsp` can read
/// it: a line for each certificate, with six fields between tabs.
package struct IssuedIndex: Sendable, Equatable {
    /// One certificate.
    package struct Entry: Sendable, Equatable {
        /// In lower-case hexadecimal digits, two a byte.
        package var serialNumber: String
        /// Until when it is valid, in seconds since 1970 UTC.
        package var notAfter: Int64
        /// When it was revoked, in seconds since 1970 UTC; nil when it was not.
        package var revokedAt: Int64?
        /// The name of its file.
        package var file: String
        /// The subject. It has no control characters.
        package var subject: String

        package init(
            serialNumber: String, notAfter: Int64, revokedAt: Int64? = nil, file: String, subject: String
        ) {
            self.serialNumber = serialNumber
            self.notAfter = notAfter
            self.revokedAt = revokedAt
            self.file = file
            self.subject = subject
        }
    }

    /// A line that is not of this form.
    package struct Malformed: Error, Sendable, Equatable, CustomStringConvertible {
        /// From 1.
        package let line: Int
        package init(line: Int) { self.line = line }
        package var description: String { "line \(line) is not one of an index of certificates" }
    }

    /// In the order in which they were issued.
    package var entries: [Entry] = []

    package init() {}

    package init(parsing text: [UInt8]) throws(Malformed) {
        for (number, line) in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated()
        where !line.isEmpty {
            guard let entry = Self.entry(String(decoding: line, as: UTF8.self)) else {
                throw Malformed(line: number + 1)
            }
            entries.append(entry)
        }
    }

    private static func entry(_ line: String) -> Entry? {
        let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        guard fields.count == 6, ["V", "R", "E"].contains(fields[0]), let notAfter = seconds(fields[1]),
            !fields[3].isEmpty, fields[3].utf8.count.isMultiple(of: 2), fields[3].allSatisfy(\.isHexDigit)
        else { return nil }
        // OpenSSL puts the reason behind a comma.
        let revokedAt = seconds(String(fields[2].prefix { $0 != "," }))
        guard (fields[0] == "R") == (revokedAt != nil) else { return nil }
        return Entry(
            serialNumber: fields[3].lowercased(), notAfter: notAfter, revokedAt: revokedAt, file: fields[4],
            subject: fields[5])
    }

    package var text: String {
        entries.map { entry in
            [
                entry.revokedAt == nil ? "V" : "R", Self.time(entry.notAfter), entry.revokedAt.map(Self.time) ?? "",
                entry.serialNumber.uppercased(), entry.file, entry.subject,
            ].joined(separator: "\t") + "\n"
        }.joined()
    }

    /// UTCTime through 2049, then GeneralizedTime (RFC 5280 §4.1.2.5).
    private static func time(_ seconds: Int64) -> String {
        var time = time_t(seconds)
        var parts = tm()
        gmtime_r(&time, &parts)
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let year = Int32(1900) + parts.tm_year
        return ((1950..<2050).contains(year) ? two(year % 100) : "\(year)") + two(parts.tm_mon + 1)
            + two(parts.tm_mday) + two(parts.tm_hour) + two(parts.tm_min) + two(parts.tm_sec) + "Z"
    }

    private static func seconds(_ text: String) -> Int64? {
        let digits = Array(text.utf8.dropLast())
        guard text.utf8.last == UInt8(ascii: "Z"), [12, 14].contains(digits.count),
            digits.allSatisfy({ (0x30...0x39).contains($0) })
        else { return nil }
        func number(_ range: Range<Int>) -> Int32 { digits[range].reduce(0) { $0 * 10 + Int32($1 - 0x30) } }
        let rest = digits.count - 10
        let short = number(0..<rest)
        var parts = tm()
        parts.tm_year = (rest == 4 ? short : short < 50 ? 2000 + short : 1900 + short) - 1900
        parts.tm_mon = number(rest..<rest + 2) - 1
        parts.tm_mday = number(rest + 2..<rest + 4)
        parts.tm_hour = number(rest + 4..<rest + 6)
        parts.tm_min = number(rest + 6..<rest + 8)
        parts.tm_sec = number(rest + 8..<rest + 10)
        return Int64(timegm(&parts))
    }
}

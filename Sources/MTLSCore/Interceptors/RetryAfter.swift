/// The field Retry-After (RFC 9110 §10.2.3).
package enum RetryAfter {
    /// The wait that `text` asks for: seconds, or a date; nil when it is neither.
    ///
    /// - Parameter now: In seconds since 1970.
    package static func delay(_ text: String, now: Int64) -> Duration? {
        let text = text[...].trimmed
        if let seconds = text.decimal { return .seconds(min(seconds, 1 << 40)) }
        return HTTPDate.seconds(text, now: now).map { .seconds(max(0, $0 - now)) }
    }
}

/// Dates of HTTP (RFC 9110 §5.6.7), in the three forms that recipients must read.
enum HTTPDate {
    /// The date in seconds since 1970; nil when it is malformed. The day of the week is not examined.
    ///
    /// - Parameter now: Which century a year of two digits belongs to is told by it.
    static func seconds(_ text: some StringProtocol, now: Int64) -> Int64? {
        let words = text.split(whereSeparator: { " ,-".contains($0) }).map { Substring($0) }
        // Sun, 06 Nov 1994 08:49:37 GMT · Sunday, 06-Nov-94 08:49:37 GMT · Sun Nov  6 08:49:37 1994
        if words.count == 6, words[5] == "GMT" {
            return seconds(day: words[1], month: words[2], year: words[3], time: words[4], now: now)
        }
        guard words.count == 5, words[4].utf8.count == 4 else { return nil }
        return seconds(day: words[2], month: words[1], year: words[4], time: words[3], now: now)
    }

    private static let months: [Substring] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    private static func seconds(
        day: Substring, month: Substring, year: Substring, time: Substring, now: Int64
    ) -> Int64? {
        let clock = time.split(separator: ":", omittingEmptySubsequences: false).map(\.decimal)
        guard let month = months.firstIndex(of: month).map({ $0 + 1 }), let day = day.decimal, (1...31).contains(day),
            let number = year.decimal, [2, 4].contains(year.utf8.count), clock.count == 3, let hour = clock[0],
            let minute = clock[1], let second = clock[2], hour < 24, minute < 60, second <= 60
        else { return nil }
        let time = Int64(hour * 3600 + minute * 60 + second)
        guard year.utf8.count == 2 else { return days(number, month, day) * 86400 + time }
        let date = days(1900 + number, month, day) * 86400 + time
        // RFC 9110 §5.6.7: what appears to be more than 50 years ahead lies in the past.
        let centuries = stride(from: 0, through: 200, by: 100).map {
            days(1900 + number + $0, month, day) * 86400 + time
        }
        return centuries.last { $0 <= now + 50 * 31_557_600 } ?? date
    }

    /// Days since 1970-01-01, by the Gregorian calendar.
    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int64 {
        // With the year beginning in March a leap day comes last.
        let shifted = month <= 2 ? year - 1 : year
        let ofYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return Int64(365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + ofYear - 719_468)
    }
}

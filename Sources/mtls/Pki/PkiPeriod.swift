import ArgumentParser
import DevPKI
import Glibc

/// When the certificate is valid that is made.
struct PkiPeriod: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("How long it is valid, from an hour ago.", valueName: "number"))
    var days: Int?

    @Option(
        name: .long, help: ArgumentHelp("From when it is valid (RFC 3339: 2030-01-31T12:00:00Z).", valueName: "time"))
    var notBefore: String?

    @Option(name: .long, help: ArgumentHelp("Until when it is valid.", valueName: "time"))
    var notAfter: String?

    @Flag(name: .long, help: "Make one that expired yesterday, for tests.") var expired = false
    @Flag(name: .long, help: "Make one that is valid from tomorrow on, for tests.") var notYetValid = false

    /// - Parameters:
    ///   - days: How long, unless an option says so.
    ///   - end: The issuer's own end, beyond which only an option leads.
    ///   - now: Seconds since 1970 UTC.
    func period(days standard: Int, until end: Int64 = .max, now: Int64 = Int64(time(nil))) throws(UsageError)
        -> LeafRequest.Period
    {
        let (day, hour): (Int64, Int64) = (86_400, 3600)
        let isExact = days != nil || notBefore != nil || notAfter != nil
        guard !(expired && notYetValid), !(isExact && (expired || notYetValid)) else {
            throw UsageError("--expired, --not-yet-valid and the dates exclude each other")
        }
        guard days == nil || notAfter == nil else { throw UsageError("--days and --not-after exclude each other") }
        if expired { return .init(notBefore: now - 2 * day, notAfter: now - day) }
        if notYetValid { return .init(notBefore: now + day, notAfter: now + 2 * day) }
        if let days, !(1...36_500).contains(days) { throw UsageError("--days takes a number from 1 to 36500") }
        let begin = try notBefore.map { (text) throws(UsageError) in try Self.seconds(text, "--not-before") }
        let last = try notAfter.map { (text) throws(UsageError) in try Self.seconds(text, "--not-after") }
        let first = begin ?? now - hour
        let length = Int64(days ?? standard) * day
        let ending = last ?? (begin ?? now) + length
        guard first < ending else { throw UsageError("the certificate would end before it begins") }
        return .init(notBefore: first, notAfter: isExact ? ending : max(first + 1, min(ending, end)))
    }

    private static func seconds(_ text: String, _ option: String) throws(UsageError) -> Int64 {
        guard let seconds = seconds(text) else {
            throw UsageError("\(option) takes a time such as 2030-01-31T12:00:00Z, not '\(text)'")
        }
        return seconds
    }

    /// Seconds since 1970 UTC of a time by RFC 3339, without fractions of a second.
    static func seconds(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        let shape = Array("0000-00-00T00:00:00".utf8)
        guard bytes.count >= 20,
            zip(bytes, shape).allSatisfy({ byte, form in
                form == UInt8(ascii: "0") ? isDigit(byte) : byte & ~0x20 == form & ~0x20
            })
        else { return nil }
        func number(_ range: Range<Int>) -> Int32 { bytes[range].reduce(0) { $0 * 10 + Int32($1 - 0x30) } }
        var parts = tm()
        parts.tm_year = number(0..<4) - 1900
        parts.tm_mon = number(5..<7) - 1
        parts.tm_mday = number(8..<10)
        parts.tm_hour = number(11..<13)
        parts.tm_min = number(14..<16)
        parts.tm_sec = number(17..<19)
        let (month, day) = (parts.tm_mon, parts.tm_mday)
        guard parts.tm_hour < 24, parts.tm_min < 60, parts.tm_sec < 60 else { return nil }
        let time = Int64(timegm(&parts))
        // There is no 31st of February: timegm(3) makes another day of it.
        guard parts.tm_mon == month, parts.tm_mday == day, let offset = offset(bytes[19...]) else { return nil }
        return time - offset
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    /// `Z`, or `+01:00`: seconds east of Greenwich.
    private static func offset(_ bytes: ArraySlice<UInt8>) -> Int64? {
        let zone = Array(bytes)
        if zone == [UInt8(ascii: "Z")] || zone == [UInt8(ascii: "z")] { return 0 }
        guard zone.count == 6, [0x2B, 0x2D].contains(zone[0]), zone[3] == UInt8(ascii: ":"),
            [1, 2, 4, 5].allSatisfy({ isDigit(zone[$0]) })
        else { return nil }
        let hours = Int64(zone[1] - 0x30) * 10 + Int64(zone[2] - 0x30)
        let minutes = Int64(zone[4] - 0x30) * 10 + Int64(zone[5] - 0x30)
        guard hours < 24, minutes < 60 else { return nil }
        return (zone[0] == 0x2B ? 1 : -1) * (hours * 3600 + minutes * 60)
    }
}

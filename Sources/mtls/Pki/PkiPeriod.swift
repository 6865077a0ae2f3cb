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
        guard let seconds = Timestamp.seconds(text) else {
            throw UsageError("\(option) takes a time such as 2030-01-31T12:00:00Z, not '\(text)'")
        }
        return seconds
    }
}

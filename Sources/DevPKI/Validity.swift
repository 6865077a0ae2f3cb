#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// When a certificate is valid, by the clock at the time it is issued.
public enum Validity: Sendable, Hashable {
    /// From an hour ago, so that clocks may differ, until so many hours from now, a century at most.
    case hours(Int)
    /// From two days ago until one day ago.
    case expired
    /// From tomorrow until the day after.
    case notYetValid

    /// Seconds since 1970 UTC.
    var period: (notBefore: Int64, notAfter: Int64) {
        let now = Int64(time(nil))
        let hour: Int64 = 3600
        return switch self {
        case .hours(let hours): (now - hour, now + Int64(min(max(hours, 0), 876_000)) * hour)
        case .expired: (now - 48 * hour, now - 24 * hour)
        case .notYetValid: (now + 24 * hour, now + 48 * hour)
        }
    }
}

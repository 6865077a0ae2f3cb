/// Decides when it is to be said that a certificate expires soon, or has expired: once for each threshold it comes under.
///
/// A threshold of more than half of a certificate's lifetime is passed over: a certificate for a day is not "about to
/// expire" from its first hour on. Of several thresholds that were passed at once only the nearest is reported.
package struct ExpiryWatch<ID: Hashable & Sendable>: Sendable {
    package struct Certificate: Sendable {
        let id: ID
        let notBefore: Int64
        let notAfter: Int64

        /// - Parameters:
        ///   - notBefore: In seconds since 1970 UTC, likewise:
        ///   - notAfter: The last second in which it is valid.
        package init(id: ID, notBefore: Int64, notAfter: Int64) {
            (self.id, self.notBefore, self.notAfter) = (id, notBefore, notAfter)
        }
    }

    package enum Report: Hashable, Sendable {
        /// - Parameter daysLeft: Whole days.
        case expiring(daysLeft: Int)
        case expired
    }

    /// In days, the nearest first.
    private let thresholds: [Int]
    /// The nearest threshold that was reported, in days; -1 for the expiry.
    private var reported: [ID: Int] = [:]

    /// - Parameter days: How long ahead reports are made.
    package init(days: [Int] = [30, 7, 1]) {
        thresholds = days.filter { (0...36500).contains($0) }.sorted()
    }

    /// What is to be said of `certificate` now, unless it was said before.
    ///
    /// - Parameter now: Seconds since 1970 UTC.
    package mutating func look(at certificate: Certificate, now: Int64) -> Report? {
        let day: Int64 = 86400
        let (left, overflow) = certificate.notAfter.subtractingReportingOverflow(now)
        guard !overflow else { return nil }
        let level: Int
        if left < 0 {
            level = -1
        } else if let threshold = thresholds.first(where: { left <= Int64($0) * day }),
            Int64(threshold) * day <= certificate.notAfter / 2 - certificate.notBefore / 2
        {
            level = threshold
        } else {
            return nil
        }
        if let before = reported[certificate.id], before <= level { return nil }
        reported[certificate.id] = level
        return level < 0 ? .expired : .expiring(daysLeft: Int(left / day))
    }
}

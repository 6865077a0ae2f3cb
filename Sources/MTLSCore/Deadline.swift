/// A point in time on a monotonic clock of the caller's choice, in nanoseconds.
///
/// The cores never ask for the time: it is passed in. Arithmetic saturates, so that an absurd limit means "never" and
/// does not trap.
package struct Deadline: Hashable, Comparable, Sendable {
    package var nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// A time that does not come.
    package static let distantFuture = Deadline(nanoseconds: .max)

    package static func < (one: Deadline, other: Deadline) -> Bool { one.nanoseconds < other.nanoseconds }

    package static func + (time: Deadline, span: Duration) -> Deadline {
        let (sum, overflow) = time.nanoseconds.addingReportingOverflow(span.saturatedNanoseconds)
        guard overflow else { return Deadline(nanoseconds: sum) }
        return Deadline(nanoseconds: span < .zero ? .min : .max)
    }

    package static func - (end: Deadline, start: Deadline) -> Duration {
        let (span, overflow) = end.nanoseconds.subtractingReportingOverflow(start.nanoseconds)
        return .nanoseconds(overflow ? (end > start ? .max : .min) : span)
    }
}

extension Duration {
    /// The duration in nanoseconds, rounded towards zero and held within 64 bits.
    package var saturatedNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carry) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflow || carry ? (seconds < 0 ? .min : .max) : sum
    }

    /// The duration for people: `30 s`, `1.5 s`, `250 ms`.
    package var forPeople: String {
        let milliseconds = saturatedNanoseconds / 1_000_000
        if milliseconds < 1000 { return "\(milliseconds) ms" }
        let tenths = milliseconds / 100
        return tenths % 10 == 0 ? "\(tenths / 10) s" : "\(tenths / 10).\(tenths % 10) s"
    }
}

import Histogram
import MTLSClient
import Synchronization

/// Counts what becomes of requests. Any task may note.
final class LoadTally: Sendable {
    /// What was counted.
    struct Summary: Sendable {
        var requests = 0
        var errors = 0
        /// Of the bodies of the responses.
        var bytes = 0
        var statuses: [Int: Int] = [:]
        var firstError: (any Error)?
        /// Of those that were answered, in microseconds; three digits are exact.
        fileprivate(set) var latencies = Histogram<UInt64>(
            lowestDiscernibleValue: 1, highestTrackableValue: LoadTally.longest, numberOfSignificantValueDigits: .three)

        func microseconds(at percentile: Double) -> Int { Int(latencies.valueAtPercentile(percentile)) }
        var longestMicroseconds: Int { requests > 0 ? Int(latencies.maxRecorded) : 0 }
    }

    /// An hour.
    fileprivate static let longest: UInt64 = 3_600_000_000
    private let state = Mutex(Summary())

    var summary: Summary { state.withLock { $0 } }
    var firstError: (any Error)? { state.withLock { $0.firstError } }
    var counts: (requests: Int, errors: Int) { state.withLock { ($0.requests, $0.errors) } }

    /// A response was read to its end.
    func note(_ status: Int, bytes: Int, latency: Duration) {
        let (seconds, attoseconds) = latency.components
        let microseconds = max(0, seconds * 1_000_000 + attoseconds / 1_000_000_000_000)
        state.withLock { state in
            state.requests += 1
            state.bytes += bytes
            state.statuses[status, default: 0] += 1
            state.latencies.record(min(UInt64(microseconds), Self.longest))
        }
    }

    func note(_ error: any Error) {
        state.withLock { state in
            state.errors += 1
            if state.firstError == nil { state.firstError = error }
        }
    }
}

import Testing

@testable import MTLSCore

/// When it is said that a certificate expires.
@Suite struct ExpiryWatchTests {
    private static let day: Int64 = 86400

    /// What is said of a certificate with so many days of life when so many days are left, in turn.
    private func reports(
        lifetime: Int64 = 365, thresholds: [Int] = [30, 7, 1], at daysLeft: [Double]
    ) -> [ExpiryWatch<String>.Report?] {
        var watch = ExpiryWatch<String>(days: thresholds)
        let end = lifetime * Self.day
        return daysLeft.map { left in
            watch.look(
                at: .init(id: "a", notBefore: 0, notAfter: end), now: end - Int64(left * Double(Self.day)))
        }
    }

    @Test func eachThresholdIsReportedOnceAndThenTheExpiry() {
        #expect(
            reports(at: [31, 30, 29, 8, 7, 6.5, 1, 0.5, 0, -0.1, -10]) == [
                nil, .expiring(daysLeft: 30), nil, nil, .expiring(daysLeft: 7), nil, .expiring(daysLeft: 1), nil, nil,
                .expired, nil,
            ])
    }

    @Test func ofThresholdsPassedAtOnceTheNearestIsReported() {
        #expect(reports(at: [6.9, 6, 0.9]) == [.expiring(daysLeft: 6), nil, .expiring(daysLeft: 0)])
        #expect(reports(at: [-3, -4]) == [.expired, nil])
    }

    @Test func aThresholdBeyondHalfTheLifetimeIsPassedOver() {
        #expect(reports(lifetime: 1, at: [0.9, 0.1, -0.1]) == [nil, nil, .expired])
        #expect(reports(lifetime: 45, at: [29, 7, 0.5]) == [nil, .expiring(daysLeft: 7), .expiring(daysLeft: 0)])
        #expect(reports(lifetime: 60, at: [30]) == [.expiring(daysLeft: 30)])
    }

    @Test func thresholdsMayBeChosen() {
        #expect(
            reports(thresholds: [3, 100], at: [99, 4, 2]) == [.expiring(daysLeft: 99), nil, .expiring(daysLeft: 2)])
        #expect(reports(thresholds: [], at: [1, -1]) == [nil, .expired])
        #expect(reports(thresholds: [-1, .max], at: [1, -1]) == [nil, .expired])
    }

    @Test func certificatesAreToldApart() {
        var watch = ExpiryWatch<String>()
        let (end, now) = (365 * Self.day, 360 * Self.day)
        for id in ["a", "b"] {
            #expect(watch.look(at: .init(id: id, notBefore: 0, notAfter: end), now: now) == .expiring(daysLeft: 5))
        }
        #expect(watch.look(at: .init(id: "a", notBefore: 0, notAfter: end), now: now) == nil)
    }

    @Test func aClockThatIsSetBackRepeatsNothing() {
        #expect(reports(at: [5, 20, 5]) == [.expiring(daysLeft: 5), nil, nil])
    }

    @Test(arguments: [(Int64.min, Int64.max), (.max, .min), (.min, .min), (.max, .max)])
    func absurdDatesDoNotTrap(notBefore: Int64, notAfter: Int64) {
        var watch = ExpiryWatch<String>()
        for now in [Int64.min, 0, .max] {
            _ = watch.look(at: .init(id: "a", notBefore: notBefore, notAfter: notAfter), now: now)
        }
    }
}

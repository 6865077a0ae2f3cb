import Testing

@testable import MTLSCore

@Suite struct PoolModelTests {
    static let runs: [(limit: Int, odds: PoolModel.Odds)] = [
        (1, .init()), (2, .init()), (8, .init()), (8, .init(refusal: 0.7, rejection: 0, closing: 0.5)),
        (3, .init(refusal: 1, rejection: 0, closing: 0)), (3, .init(refusal: 0, rejection: 0, closing: 0)),
        (2, .init(refusal: 0.5, rejection: 0.5, closing: 1)), (50, .init(refusal: 0.1, rejection: 0, closing: 0.1)),
    ]

    /// Thousands of random events; each request is answered exactly once, and nothing is left after the shutdown.
    @Test(arguments: 0..<24)
    func randomHistoriesKeepThePoolsPromises(_ number: Int) throws {
        let run = Self.runs[number % Self.runs.count]
        var model = try PoolModel(seed: UInt64(number), limit: run.limit, odds: run.odds) {
            if number % 3 == 1 { ($0.maximumUses, $0.maximumAge) = (3, .seconds(20)) }
            if number % 4 == 2 { $0.queueLimit = 5 }
        }
        for _ in 0..<2000 { try model.step(mayLease: true) }
        #expect(model.leases > 300)

        try model.shutdown(isGraceful: number % 2 == 0)
        for _ in 0..<200 { try model.step(mayLease: true) }
        var steps = 0
        while model.shutdowns == 0, steps < 20_000 {
            try model.step(mayLease: false)
            steps += 1
        }
        #expect(model.shutdowns == 1)
        #expect(model.links.isEmpty && model.waiting.isEmpty)
        #expect(model.answers.count == model.leases)
        #expect(model.answers.values.allSatisfy { $0 == 1 })
    }

    /// Without limits on waiting and without new requests, everybody is answered: by a connection or by an error.
    @Test(arguments: 0..<16)
    func nobodyWaitsForEver(_ number: Int) throws {
        var run = Self.runs[number % Self.runs.count]
        run.odds.waitLimit = 0
        var model = try PoolModel(seed: UInt64(1000 + number), limit: run.limit, odds: run.odds) { _ in }
        for _ in 0..<300 { try model.step(mayLease: true) }
        var steps = 0
        while !model.waiting.isEmpty, steps < 20_000 {
            try model.step(mayLease: false)
            steps += 1
        }
        #expect(model.waiting.isEmpty)
    }
}

import HTTPTypes
import MTLSClient
import Synchronization

/// Makes the requests and measures them.
struct LoadRunner: Sendable {
    let client: Client
    let request: HTTPRequest
    let body: RequestBody
    let plan: LoadPlan

    init(client: Client, request: HTTPRequest, body: RequestBody, plan: LoadPlan) {
        (self.client, self.request, self.body, self.plan) = (client, request, body, plan)
    }

    /// Warms up, measures and tells; cancelled, it tells of what there was until then.
    ///
    /// - Throws: ``MTLSError`` when the warm-up fails: there is nothing to measure then.
    @concurrent
    func run(_ meter: LoadMeter) async throws -> LoadReport {
        if let count = plan.idleConnections { return try await occupy(count, meter) }
        if plan.warmUp > 0 {
            if !plan.makesConnections { try await client.warm(plan.concurrency) }
            let tally = LoadTally()
            await work(.requests(plan.warmUp), tally)
            if let error = tally.firstError { throw error }
        }
        return await measured { tally in
            await meter.watching(tally) { await work(plan.limit, tally) }
        }
    }

    /// Makes connections, at most as many at once as the plan has, and one request on each.
    private func occupy(_ count: Int, _ meter: LoadMeter) async throws -> LoadReport {
        var report = try await measured { tally in
            try await meter.watching(tally) {
                for made in stride(from: plan.concurrency, to: count + plan.concurrency, by: plan.concurrency) {
                    try await client.warm(min(made, count))
                }
                await work(.requests(count), tally, tasks: count)
            }
        }
        // What was needed on the way is given back by then.
        try? await Task.sleep(for: .milliseconds(300))
        report.residentKiB = ResourceUse.now.residentKiB
        return report
    }

    /// Keeps the connections.
    func hold(_ time: Duration) async throws { try await Task.sleep(for: time) }

    private func measured<Failure: Error>(
        _ work: (LoadTally) async throws(Failure) -> Void
    ) async throws(Failure) -> LoadReport {
        let tally = LoadTally()
        let (statistics, use, start) = (await client.statistics, ResourceUse.now, ContinuousClock.now)
        try await work(tally)
        let (wall, after) = (ContinuousClock.now - start, ResourceUse.now)
        return LoadReport(
            tally: tally.summary, wall: wall, before: use, after: after, from: statistics, to: await client.statistics)
    }

    private func work(_ limit: LoadPlan.Limit, _ tally: LoadTally, tasks: Int? = nil) async {
        let tickets: Tickets
        switch limit {
        case .requests(let count): tickets = Tickets(count: count, end: nil)
        case .duration(let time): tickets = Tickets(count: .max, end: .now + time)
        }
        await withTaskGroup { group in
            for _ in 0..<(tasks ?? plan.concurrency) { group.addTask { await ask(tickets, tally) } }
        }
    }

    private func ask(_ tickets: Tickets, _ tally: LoadTally) async {
        var begin = ContinuousClock.now
        while tickets.take(now: begin) {
            do {
                let response = try await client.execute(request, body: body)
                let bytes =
                    if let whole = response.body.whole { whole.count } else { try await length(of: response.body) }
                let end = ContinuousClock.now
                tally.note(response.status.code, bytes: bytes, latency: end - begin)
                begin = end
            } catch {
                if Task.isCancelled { return }
                tally.note(error)
                begin = .now
            }
        }
    }

    private func length(of body: ResponseBody) async throws -> Int {
        var count = 0
        for try await piece in body { count += piece.count }
        return count
    }

    /// What is left to do.
    private final class Tickets: Sendable {
        private let left: Atomic<Int>
        private let end: ContinuousClock.Instant?

        init(count: Int, end: ContinuousClock.Instant?) {
            left = Atomic(count)
            self.end = end
        }

        func take(now: ContinuousClock.Instant) -> Bool {
            if let end, now >= end { return false }
            return left.subtract(1, ordering: .relaxed).newValue >= 0 && !Task.isCancelled
        }
    }
}

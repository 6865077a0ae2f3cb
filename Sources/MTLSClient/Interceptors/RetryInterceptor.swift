import Glibc
import MTLSCore

/// Sends requests again as ``BackoffPolicy`` decides.
struct RetryInterceptor: Interceptor {
    let settings: RetrySettings
    /// From 0 to 1.
    var chance: @Sendable () -> Double = { .random(in: 0...1) }
    var sleep: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }

    private enum Verdict {
        case answer(Response)
        case again(after: Duration, wasLost: Bool)
    }

    func intercept(_ request: OutgoingRequest, next: NextInterceptor) async throws -> Response {
        guard BackoffPolicy(settings).mayRepeat(request.head.method) else { return try await next(request) }
        let start = Deadline.now
        var request = request
        var tries = 0
        while true {
            tries += 1
            switch try await attempt(request, next, number: tries, since: start) {
            case .answer(let response): return response
            case .again(let wait, let wasLost):
                request.isRepetition = request.isRepetition || wasLost
                do {
                    try await sleep(wait)
                } catch {
                    throw MTLSError(
                        .cancelled, phase: .request, fault: .caller, "the request was cancelled",
                        origin: request.origin.description)
                }
            }
        }
    }

    private func attempt(
        _ request: OutgoingRequest, _ next: NextInterceptor, number: Int, since start: Deadline
    ) async throws -> Verdict {
        let response: Response
        do {
            response = try await next(request)
        } catch let error as MTLSError {
            guard let wait = try await wait(after: .failed(error), request, number, start) else {
                throw number > 1 ? error.afterTries(number) : error
            }
            notify(.error(error), number, wait)
            return .again(after: wait, wasLost: true)
        }
        guard let wait = try await wait(after: .answered(response.head), request, number, start) else {
            return .answer(response)
        }
        notify(.status(response.status), number, wait)
        await response.body.discard()
        return .again(after: wait, wasLost: false)
    }

    private func wait(
        after outcome: BackoffPolicy.Outcome, _ request: OutgoingRequest, _ tries: Int, _ start: Deadline
    ) async throws -> Duration? {
        let wait = BackoffPolicy(settings).wait(
            after: outcome, tries: tries, elapsed: .now - start, remaining: request.remaining, date: Int64(time(nil)),
            chance: chance())
        guard let wait, try await request.body.isReplayable else { return nil }
        return wait
    }

    private func notify(_ reason: RetryNotice.Reason, _ tries: Int, _ wait: Duration) {
        settings.willRetry?(
            RetryNotice(reason: reason, tries: tries, left: settings.maximum + 1 - tries, delay: wait))
    }
}

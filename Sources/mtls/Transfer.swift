import Glibc
import HTTPTypes
import MTLSClient

/// One URL after the other, over one agent and so over one set of connections.
struct Transfer: Sendable {
    let request: HTTPRequest
    let body: RequestBody
    let length: RequestBodyLength
    let timeouts: Timeouts
    let includesHead: Bool
    let failsOnError: Bool
    /// Whether there is a terminal that shows how far a body has come.
    let showsProgress: Bool
    let agent: Agent
    let journal: Journal

    /// Why a transfer ended before its time.
    private enum Failure: Error {
        case status(Int)
        case output(FileFailure)
    }

    /// How a transfer ended.
    struct Outcome: Sendable {
        var report: Report
        /// Nobody reads standard output any more.
        var isPipeBroken = false
    }

    /// Asks for a URL and writes the answer.
    @concurrent
    func run(_ target: Plan.Target, number: Int) async -> Outcome {
        let start = ContinuousClock.now
        var outcome = Outcome(
            report: Report(
                url: target.url, effectiveURL: target.effectiveURL, method: request.method.rawValue, number: number,
                file: target.file))
        do {
            let client = try agent.client(for: target.effectiveURL)
            let head = try head(for: target, at: client.origin)
            journal.begin(request: journal.isVerbose ? Verbose.lines(head) : [])
            // On the client's own thread: that spares two changes of thread for every piece of the body.
            outcome = await withTaskExecutorPreference(client.executor) { [outcome] in
                await exchange(target, outcome, start)
            }
        } catch {
            fail(&outcome, error)
        }
        let connections = journal.connections
        outcome.report.connects = connections.count
        outcome.report.connected = connections.connected.map { $0 - start } ?? .zero
        outcome.report.handshaken = connections.handshaken.map { $0 - start } ?? .zero
        outcome.report.total = .now - start
        return outcome
    }

    private func head(for target: Plan.Target, at origin: Origin) throws(MTLSError) -> RequestHead {
        var request = request
        request.path = try ParsedURL(target.effectiveURL).target
        return try FieldRules.head(of: request, at: origin, body: length)
    }

    @concurrent
    private func exchange(
        _ target: Plan.Target, _ given: Outcome, _ start: ContinuousClock.Instant
    ) async -> Outcome {
        var outcome = given
        do {
            let response = try await agent.execute(target.effectiveURL, request, body: body, timeouts: timeouts)
            outcome.report.began = .now - start
            outcome.report.head = response.head
            outcome.report.version = response.connection.version
            outcome.report.redirects = response.redirects.count
            if let last = response.redirects.last { outcome.report.effectiveURL = last }
            if case .known(let count) = length { outcome.report.uploaded = count }
            show(response)
            if failsOnError, response.status.code >= 400 { throw Failure.status(response.status.code) }
            try await write(response, to: target.file, &outcome.report.downloaded)
        } catch {
            journal.requestSent()
            fail(&outcome, error)
        }
        return outcome
    }

    private func write(_ response: Response, to file: String?, _ count: inout Int) async throws {
        do {
            let output = try Output(file: file)
            if includesHead {
                for head in journal.redirects + [response.head] {
                    try ResponseHead.bytes(head, version: response.connection.version)
                        .withUnsafeBytes { try output.write($0) }
                }
            }
            var meter = ProgressMeter(response.head, isShown: file != nil && showsProgress)
            defer { meter.end() }
            for try await piece in response.body {
                try piece.withUnsafeBytes { try output.write($0) }
                count += piece.count
                meter.advance(to: count)
            }
        } catch let failure as FileFailure {
            throw Failure.output(failure)
        }
    }

    private func show(_ response: Response) {
        let connection = response.connection
        if connection.requestCount > 1 {
            journal.note([Verbose.star("Re-using connection #\(connection.id), request \(connection.requestCount)")])
        }
        journal.requestSent()
        guard journal.isVerbose else { return }
        journal.note(Verbose.laterLines(connection.handshake))
        journal.note(Verbose.lines(response.head, version: connection.version))
    }

    private func fail(_ outcome: inout Outcome, _ error: any Error) {
        switch error {
        case Failure.status(let status):
            outcome.report.exitCode = ExitStatus.httpError
            outcome.report.errorMessage = "the server answered with status \(status)"
        case Failure.output(let failure):
            outcome.isPipeBroken = failure.code == EPIPE && outcome.report.file == nil
            outcome.report.exitCode = ExitStatus.writeFailed
            outcome.report.errorMessage = "the body cannot be written to \(failure)"
        case let error as MTLSError:
            outcome.report.exitCode = ExitStatus.of(error)
            outcome.report.verification = ExitStatus.verification(error)
            outcome.report.errorMessage = ErrorText.line(error)
        default:
            outcome.report.exitCode = ExitStatus.internalError
            outcome.report.errorMessage = "\(error)"
        }
    }
}

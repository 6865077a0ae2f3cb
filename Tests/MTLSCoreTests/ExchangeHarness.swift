import HTTPTypes
import Testing

@testable import MTLSCore

/// An exchange, and the actions it returned as text, so that a test reads as a dialogue.
struct ExchangeHarness: ~Copyable {
    var exchange: ExchangeStateMachine

    private let method: HTTPRequest.Method

    init(
        _ method: HTTPRequest.Method = .get, _ timeouts: Timeouts = Timeouts(), awaitsConsent: Bool = false,
        allowsUpgrade: Bool = false
    ) throws {
        self.method = method
        exchange = ExchangeStateMachine(
            origin: try testOrigin(), method: method, timeouts: timeouts, requestStart: .start,
            awaitsConsent: awaitsConsent, allowsUpgrade: allowsUpgrade)
    }

    mutating func start(at seconds: Double = 0) throws -> String { try exchange.start(now: .seconds(seconds)).text }

    /// The whole request leaves.
    mutating func send(at seconds: Double = 0) throws {
        _ = try start(at: seconds)
        exchange.wrote(now: .seconds(seconds))
        exchange.requestEnded(now: .seconds(seconds))
    }

    /// The head of a request leaves, and its body is outstanding.
    mutating func beginSending() throws {
        _ = try start()
        exchange.wrote(now: .start)
    }

    mutating func head(
        _ status: Int = 200, _ pairs: (String, String)..., at seconds: Double = 0
    ) throws -> String {
        exchange.bytesCame()
        let response = HTTPResponse(status: .init(code: status), headerFields: try fields(pairs))
        let framing = try ResponseBodyFraming(response, to: method, version: .http11)
        let head = ReadHead(response, version: .http11, framing: framing)
        return try exchange.responseHead(head, now: .seconds(seconds)).text
    }

    mutating func chunk(_ count: Int, at seconds: Double = 0) throws -> String {
        try exchange.responseChunk(count, now: .seconds(seconds)).text
    }

    mutating func end() throws -> String { try exchange.responseEnded().text }

    mutating func readCompleted(hasLeftover: Bool = false) -> String {
        exchange.readCompleted(hasLeftover: hasLeftover).text
    }

    mutating func demand(at seconds: Double = 0) -> String { exchange.demand(now: .seconds(seconds)).text }
    mutating func inputClosed(isClean: Bool) -> String { exchange.inputClosed(isClean: isClean).text }
    mutating func timer(at seconds: Double) -> String { exchange.timer(now: .seconds(seconds)).text }

    var deadline: Double? {
        let deadline = exchange.deadline
        return deadline == .distantFuture ? nil : Double((deadline - .start).saturatedNanoseconds) / 1e9
    }
}

extension ExchangeStateMachine.Action {
    /// Such as `chunk, stop, read, reusable`; empty if there is nothing to do.
    var text: String {
        var parts: [String] = []
        if let delivery { parts.append("\(delivery)") }
        if stopSending { parts.append("stop") }
        if startSending { parts.append("send") }
        if read { parts.append("read") }
        switch outcome {
        case .finished(let isReusable)?: parts.append(isReusable ? "reusable" : "spent")
        case .handedOver?: parts.append("handed over")
        case .failed(let error)?: parts.append("\(error.code)")
        case nil: break
        }
        return parts.joined(separator: ", ")
    }
}

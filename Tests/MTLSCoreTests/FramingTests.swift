import FramingCases
import HTTPTypes
import MTLSCore
import Testing

/// Each response of the table through parser and exchange, cut at each byte.
struct FramingTests {
    private struct Outcome: Equatable, CustomStringConvertible {
        var body: [UInt8] = []
        /// What the exchange came to; nil while it goes on.
        var end: String?
        /// Whether the connection is in a state to be used again.
        var isReusable = false

        var description: String { "\(end ?? "unfinished"), \(body.count) bytes" }
    }

    /// One exchange over bytes that come in pieces.
    private struct Exchange: ~Copyable {
        private var machine: ExchangeStateMachine
        private var parser = ResponseParser()
        private var pending: [UInt8] = []
        private(set) var outcome = Outcome()

        init(_ method: HTTPRequest.Method) throws {
            let origin = try testOrigin()
            machine = ExchangeStateMachine(
                origin: origin, method: method, timeouts: Timeouts(), requestStart: .start)
            parser.begin(method)
        }

        mutating func start() throws {
            _ = try machine.start(now: .start)
            machine.wrote(now: .start)
            machine.requestEnded(now: .start)
        }

        mutating func read(_ bytes: ArraySlice<UInt8>) throws {
            guard outcome.end == nil, !bytes.isEmpty else { return }
            machine.bytesCame()
            pending += bytes
            do {
                try parse()
            } catch let error as MTLSError {
                take(machine.failed(error))
            }
            take(machine.readCompleted(hasLeftover: !pending.isEmpty))
            take(machine.demand(now: .start))
        }

        private mutating func parse() throws {
            var offset = 0
            defer { pending.removeFirst(offset) }
            while outcome.end == nil, parser.isInMessage {
                let step = try pending[offset...].withUnsafeBytes { try parser.next($0) }
                offset += step.consumed
                switch step.event {
                case .needsMore: return
                case .head(let head): take(try machine.responseHead(head, now: .start))
                case .body(let count):
                    outcome.body += pending[offset..<offset + count]
                    offset += count
                    take(try machine.responseChunk(count, now: .start))
                case .end: take(try machine.responseEnded())
                }
            }
        }

        mutating func close(isClean: Bool) { take(machine.inputClosed(isClean: isClean)) }

        private mutating func take(_ action: ExchangeStateMachine.Action) {
            guard outcome.end == nil else { return }
            switch action.outcome {
            case .finished(let isReusable): (outcome.end, outcome.isReusable) = ("finished", isReusable)
            case .failed(let error): (outcome.end, outcome.body) = (error.code.rawValue, [])
            case .handedOver: outcome.end = "handed over"
            case nil: break
            }
        }
    }

    private func run(_ method: HTTPRequest.Method, _ pieces: [ArraySlice<UInt8>], closing: Bool?) throws -> Outcome {
        var exchange = try Exchange(method)
        try exchange.start()
        for piece in pieces { try exchange.read(piece) }
        if let closing { exchange.close(isClean: closing) }
        return exchange.outcome
    }

    /// Where long texts are cut: around their ends, and here and there.
    private func cuts(_ count: Int) -> [Int] {
        count < 600 ? Array(0..<count) : [0, 1, 8, 17, 40, 100, count / 3, count / 2, count - 9, count - 2, count - 1]
    }

    @Test(arguments: FramingCase.all)
    func aResponseMeansTheSameHoweverItIsCut(_ given: FramingCase) throws {
        let bytes = given.bytes[...]
        let closing: Bool? =
            switch given.ending {
            case .staysOpen: nil
            case .closes: true
            case .resets: false
            }
        let whole = try run(given.method, [bytes], closing: closing)
        switch given.meaning {
        case .body(let text):
            #expect(whole.end == "finished" && whole.body == Array(text.utf8))
            #expect(whole.isReusable || !given.lives)
        case .fails(let code):
            let isReset = code == "connection.lost"  // which is the transport's to tell
            #expect(whole.end == code || isReset && whole.end?.hasPrefix("response.") == true)
        }
        for cut in cuts(bytes.count) {
            let parts = try run(given.method, [bytes[..<cut], bytes[cut...]], closing: closing)
            // What comes later than the response is not seen with it.
            #expect(parts.end == whole.end && parts.body == whole.body, "cut at \(cut)")
        }
        if bytes.count < 600 {
            let single = try run(given.method, bytes.indices.map { bytes[$0...$0] }, closing: closing)
            #expect(single.end == whole.end && single.body == whole.body, "byte by byte")
        }
    }

    @Test(arguments: FramingCase.all)
    func aResponseThatIsCutOffIsNeverTakenForWhole(_ given: FramingCase) throws {
        let bytes = given.bytes[...]
        let whole = try run(given.method, [bytes], closing: true)
        for cut in cuts(bytes.count) {
            let unclean = try run(given.method, [bytes[..<cut]], closing: false)
            let clean = try run(given.method, [bytes[..<cut]], closing: true)
            if unclean.end == "finished" {
                #expect(unclean == clean && unclean.body == whole.body && whole.end == "finished", "cut at \(cut)")
            } else if clean.end == "finished" {
                // Only the end of the connection delimits it.
                #expect(whole.end == "finished" && whole.body.starts(with: clean.body), "cut at \(cut)")
                #expect(!clean.isReusable)
            } else {
                let codes = ["response.truncated", "response.empty", whole.end]
                #expect(codes.contains(clean.end) && codes.contains(unclean.end), "cut at \(cut): \(clean)")
            }
        }
    }
}

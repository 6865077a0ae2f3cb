package import HTTPTypes

/// Reads the responses of HTTP/1.1 and 1.0 (RFC 9112) from bytes as they come, without keeping any.
///
/// Theory of operation
///
/// The caller holds the bytes that have arrived and were not consumed yet, and shows them to `next` as one piece. The
/// answer says how many of them to drop, and what they were. A head or a line is consumed when it is whole; how far an
/// unfinished one was searched is remembered, so that bytes that come one by one are looked at once.
///
/// What two programs could read differently is refused, for that is how responses are smuggled: a line that does not end
/// with CR LF, a CR anywhere else, folded lines, space around a field's name, control characters, chunk sizes with
/// anything but hexadecimal digits before the extension, and what ``ResponseBodyFraming`` refuses.
package struct ResponseParser: ~Copyable, Sendable {
    package struct Limits: Sendable, Hashable {
        /// The bytes of a head, of all interim heads before it, and of a trailer section.
        package var headBytes = 16 << 10
        package var fieldCount = 256
        /// The bytes of a line that begins a chunk.
        package var chunkLineBytes = 4096

        package init() {}
    }

    package enum Event: Sendable {
        /// The bytes that are left are the beginning of something.
        case needsMore
        /// An interim response (1xx), or the final one's head.
        case head(ReadHead)
        /// The next so many bytes, after those to drop, belong to the body. They count as consumed.
        case body(Int)
        /// The response is whole.
        case end(trailers: HTTPFields)
    }

    /// What `next` found.
    package struct Step: Sendable {
        /// How many bytes to drop before what the event tells of.
        package let consumed: Int
        package let event: Event
    }

    private enum State {
        /// Between messages. Can transition to: head.
        case idle
        case head(LineScanner)
        case fixed(remaining: Int)
        case chunkLine(LineScanner)
        case chunk(remaining: Int)
        /// The CR LF behind a chunk.
        case chunkEnd
        case trailers(LineScanner)
        case untilClose

        /// Behind a final response's head.
        static func following(_ framing: ResponseBodyFraming) -> State {
            switch framing {
            case .empty: .fixed(remaining: 0)
            case .length(let count): .fixed(remaining: count)
            case .chunked: .chunkLine(LineScanner())
            case .untilClose: .untilClose
            }
        }
    }

    private let limits: Limits
    private var method = HTTPRequest.Method.get
    private var state = State.idle
    /// By how much extensions of chunks, which say nothing, exceed the chunks: limited, lest they be sent for ever.
    private var extensionBytes = 0
    /// Interim responses may be many, but not for ever either.
    private var interimBytes = 0
    /// Servers repeat themselves.
    private var recent: RecentHead?
    private let heads: RecentHeads

    /// - Parameter heads: Shared by the connections to one server.
    package init(limits: Limits = Limits(), heads: RecentHeads = RecentHeads()) {
        self.limits = limits
        self.heads = heads
    }

    /// Awaits the response to a request of `method`.
    package mutating func begin(_ method: HTTPRequest.Method) {
        self.method = method
        state = .head(LineScanner())
        extensionBytes = 0
        interimBytes = 0
    }

    /// Whether bytes that come now belong to a response that was begun.
    package var isInMessage: Bool { if case .idle = state { false } else { true } }

    /// How many bytes of the body are still to come at least, as far as that is known.
    package var expectedBytes: Int {
        switch state {
        case .fixed(let remaining), .chunk(let remaining): remaining
        case .idle, .head, .chunkLine, .chunkEnd, .trailers, .untilClose: 0
        }
    }

    /// Looks at `bytes`, which begin where the last step ended.
    ///
    /// - Throws: The code `response.malformed` or `response.headTooLarge`. Nothing more can be read.
    package mutating func next(_ bytes: UnsafeRawBufferPointer) throws(MTLSError) -> Step {
        switch state {
        case .idle: return Step(consumed: 0, event: .needsMore)
        case .head(let scanner): return try head(bytes, scanner)
        case .fixed(let remaining): return fixed(bytes, remaining)
        case .chunkLine(let scanner): return try chunkLine(bytes, scanner)
        case .chunk(let remaining): return try chunk(bytes, remaining)
        case .chunkEnd: return try chunkEnd(bytes)
        case .trailers(let scanner): return try trailers(bytes, scanner)
        case .untilClose: return Step(consumed: 0, event: bytes.isEmpty ? .needsMore : .body(bytes.count))
        }
    }

    // MARK: Heads

    private mutating func head(
        _ bytes: UnsafeRawBufferPointer, _ scanner: LineScanner
    ) throws(MTLSError) -> Step {
        if let known = knownHead(bytes) {
            state = .following(known.head.framing)
            return Step(consumed: known.bytes.count, event: .head(known.head))
        }
        try HeadReader.examineBeginning(bytes)
        guard let end = try endOfSection(bytes, scanner, { .head($0) }) else {
            return Step(consumed: 0, event: .needsMore)
        }
        var reader = HeadReader(UnsafeRawBufferPointer(rebasing: bytes[..<end]), fieldLimit: limits.fieldCount)
        let (status, version) = try reader.statusLine()
        let response = HTTPResponse(status: status, headerFields: try reader.fields())
        if status.code < 200 {
            interimBytes += end
            guard interimBytes <= limits.headBytes else { throw tooLarge }
            // Behind a 101 another protocol follows.
            state = status.code == 101 ? .idle : .head(LineScanner())
            return Step(consumed: end, event: .head(ReadHead(response, version: version, framing: .empty)))
        }
        let framing = try ResponseBodyFraming(response, to: method, version: version)
        let head = ReadHead(response, version: version, framing: framing)
        state = .following(framing)
        recent = heads.note(UnsafeRawBufferPointer(rebasing: bytes[..<end]), to: method, head)
        return Step(consumed: end, event: .head(head))
    }

    private mutating func knownHead(_ bytes: UnsafeRawBufferPointer) -> RecentHead? {
        if let recent, recent.begins(bytes, to: method) { return recent }
        guard let shared = heads.head(at: bytes, to: method) else { return nil }
        recent = shared
        return shared
    }

    /// Where the section that ends with an empty line ends, if it has come.
    private mutating func endOfSection(
        _ bytes: UnsafeRawBufferPointer, _ scanner: LineScanner, _ resuming: (LineScanner) -> State
    ) throws(MTLSError) -> Int? {
        var scanner = scanner
        while let line = try scanner.nextLine(in: bytes) {
            guard line.upperBound + 2 <= limits.headBytes else { throw tooLarge }
            if line.isEmpty { return line.upperBound + 2 }
        }
        guard bytes.count <= limits.headBytes else { throw tooLarge }
        state = resuming(scanner)
        return nil
    }

    // MARK: Bodies

    private mutating func fixed(_ bytes: UnsafeRawBufferPointer, _ remaining: Int) -> Step {
        if remaining == 0 {
            state = .idle
            return Step(consumed: 0, event: .end(trailers: HTTPFields()))
        }
        let count = min(remaining, bytes.count)
        state = .fixed(remaining: remaining - count)
        return Step(consumed: 0, event: count == 0 ? .needsMore : .body(count))
    }

    private mutating func chunkLine(
        _ bytes: UnsafeRawBufferPointer, _ scanner: LineScanner
    ) throws(MTLSError) -> Step {
        var scanner = scanner
        let line = try scanner.nextLine(in: bytes)
        guard (line?.upperBound ?? bytes.count) <= limits.chunkLineBytes else {
            throw HeadReader.malformed("the line before a chunk is longer than \(limits.chunkLineBytes) bytes")
        }
        guard let line else {
            state = .chunkLine(scanner)
            return Step(consumed: 0, event: .needsMore)
        }
        let (size, length) = try ChunkLine.size(UnsafeRawBufferPointer(rebasing: bytes[line]))
        extensionBytes += line.count - length
        guard extensionBytes <= limits.headBytes else {
            throw HeadReader.malformed("its chunks have more than \(limits.headBytes) bytes of extensions")
        }
        extensionBytes = max(0, extensionBytes - size)
        state = size == 0 ? .trailers(LineScanner()) : .chunk(remaining: size)
        return try following(line.upperBound + 2, bytes)
    }

    private mutating func chunk(_ bytes: UnsafeRawBufferPointer, _ remaining: Int) throws(MTLSError) -> Step {
        let count = min(remaining, bytes.count)
        state = count == remaining ? .chunkEnd : .chunk(remaining: remaining - count)
        return Step(consumed: 0, event: count == 0 ? .needsMore : .body(count))
    }

    private mutating func chunkEnd(_ bytes: UnsafeRawBufferPointer) throws(MTLSError) -> Step {
        for (byte, expected) in zip(bytes, [ASCII.cr, ASCII.lf]) where byte != expected {
            throw HeadReader.malformed("a chunk does not end where its size says")
        }
        guard bytes.count >= 2 else { return Step(consumed: 0, event: .needsMore) }
        state = .chunkLine(LineScanner())
        return try following(2, bytes)
    }

    private mutating func trailers(
        _ bytes: UnsafeRawBufferPointer, _ scanner: LineScanner
    ) throws(MTLSError) -> Step {
        guard let end = try endOfSection(bytes, scanner, { .trailers($0) }) else {
            return Step(consumed: 0, event: .needsMore)
        }
        var reader = HeadReader(UnsafeRawBufferPointer(rebasing: bytes[..<end]), fieldLimit: limits.fieldCount)
        let fields = try reader.fields()
        state = .idle
        return Step(consumed: end, event: .end(trailers: TrailerRules.kept(fields)))
    }

    /// Goes on behind `count` bytes, so that what needs no answer is not told.
    private mutating func following(_ count: Int, _ bytes: UnsafeRawBufferPointer) throws(MTLSError) -> Step {
        let step = try next(UnsafeRawBufferPointer(rebasing: bytes[count...]))
        return Step(consumed: count + step.consumed, event: step.event)
    }

    private var tooLarge: MTLSError {
        MTLSError(
            .responseHeadTooLarge, phase: .response, fault: .peer,
            "the response's head has more than \(limits.headBytes) bytes",
            advice: "allow more, if the server is right")
    }
}

/// Finds the ends of lines in bytes that come in pieces.
struct LineScanner: Sendable {
    private var lineStart = 0
    private var scanned = 0

    /// The next whole line, without its end; nil if it has not come.
    mutating func nextLine(in bytes: UnsafeRawBufferPointer) throws(MTLSError) -> Range<Int>? {
        guard let lineFeed = ASCII.firstLineFeed(in: bytes, from: scanned) else {
            scanned = bytes.count
            return nil
        }
        guard lineFeed > lineStart, bytes[lineFeed - 1] == ASCII.cr else {
            throw HeadReader.malformed("a line ends with LF alone")
        }
        defer { (lineStart, scanned) = (lineFeed + 1, lineFeed + 1) }
        return lineStart..<lineFeed - 1
    }
}

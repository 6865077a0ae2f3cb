import HTTPTypes
import MTLSClient

/// What the options say of the load.
struct LoadPlan {
    /// When the load ends.
    enum Limit: Equatable {
        case requests(Int)
        case duration(Duration)
    }

    let limit: Limit
    let concurrency: Int
    /// Requests that are not measured.
    let warmUp: Int
    let makesConnections: Bool
    let resumes: Bool
    let method: HTTPRequest.Method
    let headers: [HeaderOption]
    let body: RequestBody
    let usesLoop: Bool
    /// How many connections are only made and kept.
    let idleConnections: Int?
    let hold: Duration?
    let isJSON: Bool

    init(_ options: LoadOptions) throws(UsageError) {
        guard options.requests == nil || options.duration == nil else {
            throw UsageError("--requests and --duration exclude each other")
        }
        if let idle = options.idleConnections {
            guard options.requests == nil, options.duration == nil, !options.newConnections else {
                throw UsageError("--idle-connections excludes --requests, --duration and --new-connections")
            }
            limit = .requests(try Self.positive(idle, "--idle-connections"))
        } else if let requests = options.requests {
            limit = .requests(try Self.positive(requests, "--requests"))
        } else {
            let time = try ConnectionPlan.seconds(options.duration ?? "10", "--duration")
            guard time > .zero else { throw UsageError("--duration takes more than 0 seconds") }
            limit = .duration(time)
        }
        idleConnections = options.idleConnections
        concurrency = try Self.positive(options.concurrency, "--concurrency")
        warmUp = options.warmUp ?? (options.newConnections || options.idleConnections != nil ? 0 : concurrency)
        guard warmUp >= 0 else { throw UsageError("--warm-up takes a number of requests, not \(warmUp)") }
        makesConnections = options.newConnections
        resumes = !options.noResumption
        guard options.hold == nil || options.idleConnections != nil else {
            throw UsageError("--hold needs --idle-connections")
        }
        hold = try options.hold.map { (text) throws(UsageError) in try ConnectionPlan.seconds(text, "--hold") }

        guard options.data == nil || options.dataSize == nil else {
            throw UsageError("--data and --data-size exclude each other")
        }
        if let data = options.data {
            body = .text(data)
        } else if let size = options.dataSize {
            guard size >= 0 else { throw UsageError("--data-size takes a number of bytes, not \(size)") }
            body = Filler.body(size)
        } else {
            body = .none
        }
        let name = options.method ?? (options.data == nil && options.dataSize == nil ? "GET" : "POST")
        guard let method = HTTPRequest.Method(name) else { throw UsageError("'\(name)' cannot be a method") }
        self.method = method
        headers = try options.header.map { (text) throws(UsageError) in try HeaderOption(text) }
        if headers.contains(where: { if case .file = $0 { true } else { false } }) {
            throw UsageError("bench takes no file of header fields")
        }
        usesLoop = options.executor == .loop
        isJSON = options.json
    }

    private static func positive(_ number: Int, _ option: String) throws(UsageError) -> Int {
        guard number > 0 else { throw UsageError("\(option) takes a number above 0, not \(number)") }
        return number
    }

    var defaultFields: HTTPFields {
        var fields = HTTPFields.ofCommand
        // The server closes then, and keeps the port.
        if makesConnections { fields[.connection] = "close" }
        return fields
    }

    var settings: ClientSettings {
        var settings = ClientSettings()
        settings.connectionLimit = idleConnections ?? concurrency
        if makesConnections { settings.maximumRequestsPerConnection = 1 }
        // Whatever the server keeps is kept.
        settings.idleTimeout = .seconds(24 * 3600)
        return settings
    }
}

/// A body whose bytes mean nothing.
private enum Filler {
    private static let pieceSize = 1 << 18

    static func body(_ size: Int) -> RequestBody {
        let piece = Bytes([UInt8](repeating: UInt8(ascii: "a"), count: min(size, pieceSize)))
        guard size > pieceSize else { return .bytes(piece) }
        return .restartable(length: size) { Pieces(piece: piece, size: size) }
    }

    private struct Pieces: AsyncSequence, Sendable {
        let piece: Bytes
        let size: Int

        func makeAsyncIterator() -> Iterator { Iterator(piece: piece, left: size) }

        struct Iterator: AsyncIteratorProtocol {
            let piece: Bytes
            var left: Int

            mutating func next() async -> Bytes? {
                guard left > 0 else { return nil }
                let count = Swift.min(left, piece.count)
                left -= count
                return count == piece.count ? piece : Bytes(piece.prefix(count))
            }
        }
    }
}

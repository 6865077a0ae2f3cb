import AsyncHTTPClient
import NIOCore

/// A body of so many letters, in pieces of 64 KiB.
struct Letters: AsyncSequence, Sendable {
    let size: Int
    let piece: ByteBuffer

    struct AsyncIterator: AsyncIteratorProtocol {
        var left: Int
        let piece: ByteBuffer

        mutating func next() async -> ByteBuffer? {
            guard left > 0 else { return nil }
            let count = Swift.min(left, piece.readableBytes)
            left -= count
            return piece.getSlice(at: piece.readerIndex, length: count)
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(left: size, piece: piece) }
}

/// How often what happened.
struct Tally: Sendable {
    var latencies: [Double] = []
    var errors = 0
    var resumed = 0
    var bytes = 0

    mutating func add(_ other: Tally) {
        latencies += other.latencies
        errors += other.errors
        resumed += other.resumed
        bytes += other.bytes
    }
}

/// One request after another, as many as asked for, by several tasks.
struct Exchange: Sendable {
    let client: HTTPClient
    let url: String
    let closing: Bool
    let upload: Letters?

    func batch(_ count: Int, concurrency: Int) async -> Tally {
        await withTaskGroup(of: Tally.self) { group in
            for worker in 0..<concurrency {
                let share = count / concurrency + (worker < count % concurrency ? 1 : 0)
                group.addTask { await sequence(share) }
            }
            var all = Tally()
            for await tally in group { all.add(tally) }
            return all
        }
    }

    private func sequence(_ count: Int) async -> Tally {
        var tally = Tally()
        tally.latencies.reserveCapacity(count)
        for _ in 0..<count {
            let start = ContinuousClock.now
            do {
                try await one(&tally)
            } catch {
                if tally.errors == 0 { complain("\(error)\n") }
                tally.errors += 1
            }
            let elapsed = (ContinuousClock.now - start).components
            tally.latencies.append(Double(elapsed.seconds) * 1e6 + Double(elapsed.attoseconds) / 1e12)
        }
        return tally
    }

    private func one(_ tally: inout Tally) async throws {
        var request = HTTPClientRequest(url: url)
        if closing { request.headers.add(name: "connection", value: "close") }
        if let upload {
            request.method = .POST
            request.body = .stream(upload, length: .known(Int64(upload.size)))
        }
        let response = try await client.execute(request, timeout: .seconds(120))
        var first: UInt8?
        for try await part in response.body {
            if first == nil { first = part.getInteger(at: part.readerIndex) }
            tally.bytes += part.readableBytes
        }
        if response.status != .ok { tally.errors += 1 }
        if first == UInt8(ascii: "r") { tally.resumed += 1 }
    }
}

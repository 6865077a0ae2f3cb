import HTTPTypes
import MTLSClient
import MTLSTestKit
import Synchronization
import Testing

/// What a server does to a request, in place of answering it.
enum Mischief: CaseIterable {
    case closeAfter, resetAfter, close, reset, halfHead, halfBody, halfChunk, closeUnread, resetUnread

    /// Mostly none.
    static func random() -> Mischief? { UInt8.random(in: 0..<10) < 6 ? nil : allCases.randomElement() }

    func text(_ id: Int) -> String {
        switch self {
        case .closeAfter, .resetAfter: Chaos.answer(id)
        case .close, .reset, .closeUnread, .resetUnread: ""
        case .halfHead: String(Chaos.answer(id).prefix(25))
        case .halfBody: "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n\(id)"
        case .halfChunk: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"
        }
    }

    var resets: Bool { [.reset, .resetAfter, .resetUnread].contains(self) }
    var readsBody: Bool { self != .closeUnread && self != .resetUnread }
}

/// Many requests to a server that closes when it likes, and the account of what became of each.
struct Chaos: Sendable {
    static let end = "\nthe end\n"

    static func answer(_ id: Int) -> String {
        let text = "\(id)"
        return "HTTP/1.1 200 OK\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)"
    }

    /// How often the server saw each request.
    final class Account: Sendable {
        private let seen = Mutex<[Int: Int]>([:])
        let accepted = Tally()
        let closed = Tally()

        func saw(_ id: Int) { seen.withLock { $0[id, default: 0] += 1 } }
        func count(_ id: Int) -> Int { seen.withLock { $0[id] ?? 0 } }
    }

    let account = Account()
    let count: Int

    static func id(_ path: some StringProtocol) -> Int { Int(path.dropFirst()) ?? -1 }

    /// A server without TLS.
    func plainServer() async throws -> RawServer {
        let account = account
        return try await RawServer { peer in
            account.accepted.add()
            defer { account.closed.add() }
            while let head = try await peer.readHead() {
                let id = Self.id(head.split(separator: " ")[1])
                account.saw(id)
                let mischief = Mischief.random()
                if mischief?.readsBody != false, !head.hasPrefix("GET"),
                    try await peer.read(until: Self.end) == nil
                {
                    return
                }
                try await peer.send(mischief?.text(id) ?? Self.answer(id))
                guard let mischief else { continue }
                return mischief.resets ? try await peer.reset() : ()
            }
        }
    }

    /// One over TLS, which closes with close_notify, without, or by RST.
    func server(_ world: World) async throws -> MTLSServer {
        let account = account
        return try await world.server(.required, resumes: true) { request in
            let id = Self.id(request.path)
            account.saw(id)
            guard let mischief = Mischief.random() else { return .raw(Self.answer(id), then: .keepAlive) }
            return .raw(mischief.text(id), then: mischief.resets ? .reset : Bool.random() ? .close : .cut)
        }
    }

    private static let methods: [HTTPRequest.Method] = [.get, .post, .put, .get, .post]

    /// Sends all requests, and checks that each ended once, with its own answer or an error.
    func run(_ client: Client) async {
        let (answered, failed) = (Tally(), Tally())
        let lanes = 12
        await withDiscardingTaskGroup { group in
            for lane in 0..<lanes {
                group.addTask {
                    for id in stride(from: lane, to: count, by: lanes) {
                        await ask(client, id) ? answered.add() : failed.add()
                    }
                }
            }
        }
        #expect(answered.value + failed.value == count)
        #expect(answered.value > count / 2 && failed.value > count / 50)
        for id in 0..<count {
            let method = Self.methods[id % Self.methods.count]
            let times = account.count(id)
            #expect(times <= (method == .post ? 1 : 2), "\(method) \(id) was sent \(times) times")
        }
    }

    /// - Returns: Whether it was answered.
    private func ask(_ client: Client, _ id: Int) async -> Bool {
        let method = Self.methods[id % Self.methods.count]
        let request = HTTPRequest(method: method, scheme: nil, authority: nil, path: "/\(id)")
        let body = String(repeating: "x", count: id % 50 == 1 ? 100_000 : 300) + Self.end
        do {
            let response = try await client.execute(request, body: method == .get ? .none : .text(body))
            let text = try await response.body.text(upTo: .kibibytes(1))
            #expect(text == "\(id)", "the answer to another")
            #expect(account.count(id) > 0, "an answer to what was not asked")
            return true
        } catch {
            let codes: [MTLSError.Code] = [.responseEmpty, .responseTruncated, .connectionLost]
            #expect((error as? MTLSError).map { codes.contains($0.code) } == true, "\(id): \(error)")
            return false
        }
    }

    /// A run without TLS, after which both sides' connections are gone.
    static func runPlain(_ count: Int) async throws {
        let chaos = Chaos(count: count)
        let server = try await chaos.plainServer()
        let client = try Client(server.url)
        await chaos.run(client)
        await client.shutdown()
        await chaos.account.closed.reach(chaos.account.accepted.value)
    }

    /// A run over TLS, with a certificate.
    static func runTLS(_ count: Int) async throws {
        let (world, chaos) = (try World(), Chaos(count: count))
        let server = try await chaos.server(world)
        let client = try Client(server.url, identity: try world.identity("alice"), trust: world.trust)
        await chaos.run(client)
        await client.shutdown()
        await server.shutdown()
    }
}

/// A few seconds of it.
@Suite(.timeLimit(.minutes(2))) struct ChaosTests {
    @Test func eachOfManyRequestsEndsOnceAndNoneIsRepeatedThatMayNotBe() async throws {
        try await Chaos.runPlain(4000)
    }

    @Test func soItIsOverTLS() async throws {
        try await Chaos.runTLS(1000)
    }
}

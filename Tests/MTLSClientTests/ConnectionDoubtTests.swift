import HTTPTypes
import MTLSClient
import NIOCore
import NIOPosix
import Testing

/// What comes at the wrong time: it must neither be taken for a response nor be lost.
@Suite(.timeLimit(.minutes(1))) struct ConnectionDoubtTests {
    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    /// Status and body, or the error's code.
    private func outcome(_ body: () async throws -> Response) async -> String {
        do {
            let response = try await body()
            return "\(response.status.code) \(try await response.body.text(upTo: .mebibytes(1)))"
        } catch {
            return (error as? MTLSError)?.code.rawValue ?? "\(error)"
        }
    }

    /// Leaves `autoRead` on, which the contract forbids, and tells of what was delivered.
    private struct Eager: Connector {
        let delivered = Tally()

        func connect(to endpoint: Endpoint, context: ConnectContext) async throws -> Connection {
            let made = try await TCPConnector().connect(to: endpoint, context: context)
            try await made.channel.setOption(.autoRead, value: true).get()
            try await made.channel.pipeline.addHandler(Watcher(delivered)).get()
            return made
        }
    }

    private final class Watcher: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        private let delivered: Tally

        init(_ delivered: Tally) { self.delivered = delivered }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            context.fireChannelRead(data)
            delivered.add()
        }
    }

    @Test func bytesBehindAResponseAreNeverTheNextOneEvenIfTheTransportReadsUnasked() async throws {
        let first = Gate()
        let server = try await RawServer { peer in
            while let head = try await peer.readHead() {
                guard head.hasPrefix("GET /first") else {
                    try await peer.send(Self.ok)
                    continue
                }
                try await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
                await first.wait()
                try await peer.send("cdHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad")
            }
        }
        let connector = Eager()
        let client = try Client(server.url, connector: connector)
        let response = try await client.get("/first")
        first.open()
        await connector.delivered.reach(2)
        #expect(try await response.body.text(upTo: .bytes(4)) == "abcd")
        let answer = await outcome { try await client.get() }
        #expect(answer == "200 ok")
        await client.shutdown()
    }

    @Test(arguments: ["HTTP/1.1 408 Request Timeout\r\nContent-Length: 3\r\n\r\nbad", "\r\n", "\u{15}"])
    func bytesWhileIdleCostTheConnectionAndNoRequest(_ stray: String) async throws {
        let (idle, closed) = (Gate(), Gate())
        let server = try await RawServer { peer in
            while let head = try await peer.readHead() {
                try await peer.send(Self.ok)
                guard head.hasPrefix("GET /first") else { continue }
                await idle.wait()
                try await peer.send(stray)
                _ = try await peer.count()
                closed.open()
            }
        }
        try await withClient(server.url) { client in
            _ = try await client.get("/first").body.text(upTo: .bytes(2))
            idle.open()
            await closed.wait()
            let post = try await client.post("/", body: .text("x"))
            #expect(post.connection.requestCount == 1 && post.status == .ok)
        }
    }

    @Test func anEndWhileIdleCostsNoRequest() async throws {
        let seen = Tally()
        let server = try await RawServer { peer in
            guard try await peer.readHead() != nil else { return }
            try await peer.send(Self.ok)
            seen.add()
        }
        try await withClient(server.url) { client in
            for _ in 0..<20 {
                // The FIN is on its way, or has come: in either case the GET is answered.
                let response = try await client.get()
                #expect(response.status == .ok)
            }
        }
        #expect(seen.value == 20)
    }

    /// Early answers of a server that then closes or resets while the request's body is still on its way.
    @Test(arguments: [false, true])
    func anEarlyRefusalIsToldHoweverTheConnectionEnds(isReset: Bool) async throws {
        let server = try await RawServer { peer in
            _ = try await peer.readHead()
            try await peer.send("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!")
            if isReset { try await peer.reset() }
        }
        try await withClient(server.url) { client in
            let body = AsyncStream<[UInt8]> { [UInt8](repeating: 0, count: 1 << 16) }
            let answer = await outcome { try await client.post("/", body: .stream(body)) }
            #expect(answer == "413 no!")
        }
    }

    @Test func aBodyThatOnlyTheEndDelimitsIsNotWholeWhenTheUploadWasReset() async throws {
        let server = try await RawServer { peer in
            _ = try await peer.readHead()
            try await peer.send("HTTP/1.1 200 OK\r\n\r\nhalf of ")
            try await peer.reset()
        }
        try await withClient(server.url) { client in
            for _ in 0..<20 {
                let body = AsyncStream<[UInt8]> { [UInt8](repeating: 0, count: 1 << 16) }
                let outcome = await outcome { try await client.post("/", body: .stream(body)) }
                #expect(outcome == "connection.lost" || outcome == "response.truncated")
            }
        }
    }

    @Test(arguments: [
        "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", "Content-Length: x\r\n",
    ])
    func lengthsInAnAnswerToCONNECTAreIgnored(_ fields: String) async throws {
        let server = try await RawServer { peer in
            _ = try await peer.readHead()
            try await peer.send("HTTP/1.1 200 OK\r\n\(fields)\r\ntunnel")
        }
        try await withClient(server.url) { client in
            let request = HTTPRequest(method: .connect, scheme: nil, authority: "h:1", path: nil)
            guard case .switched(_, let connection) = try await client.upgrade(request) else {
                Issue.record("2xx to CONNECT is a tunnel")
                return
            }
            var iterator = connection.makeAsyncIterator()
            #expect(try await iterator.next()?.text == "tunnel")
        }
    }
}

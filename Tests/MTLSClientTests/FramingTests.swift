import FramingCases
import HTTPTypes
import MTLSClient
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

/// Each response of the table over a socket.
@Suite(.timeLimit(.minutes(1))) struct FramingTests {
    private static let again = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    /// Serves the cases by their numbers; whatever else is asked for is answered as it should be.
    private static let server = Task {
        try await RawServer { peer in
            while let head = try await peer.readHead() {
                guard let number = head.split(separator: " ").dropFirst().first?.dropFirst(), let index = Int(number)
                else {
                    try await peer.send(again)
                    continue
                }
                let given = FramingCase.all[index]
                try await peer.send(given.bytes)
                switch given.ending {
                case .staysOpen: break
                case .closes: return
                case .resets: return try await peer.reset()
                }
            }
        }
    }

    private func outcome(_ given: FramingCase, _ client: Client, _ index: Int) async -> FramingCase.Meaning {
        do {
            let request = HTTPRequest(method: given.method, scheme: nil, authority: nil, path: "/\(index)")
            let body = try await client.execute(request).body.collect(upTo: .mebibytes(1))
            return .body(String(decoding: body, as: UTF8.self))
        } catch {
            return .fails((error as? MTLSError)?.code.rawValue ?? "\(error)")
        }
    }

    /// A few at a time: a connection idles for four seconds at most, and a listener's queue is short.
    @Test func eachResponseMeansWhatTheTableSaysAndTheConnectionLivesOnOrNot() async throws {
        let (server, lanes) = (try await Self.server.value, 4)
        try await withThrowingDiscardingTaskGroup { group in
            for lane in 0..<lanes {
                group.addTask {
                    for index in stride(from: lane, to: FramingCase.all.count, by: lanes) {
                        try await examine(index, server)
                    }
                }
            }
        }
    }

    private func examine(_ index: Int, _ server: RawServer) async throws {
        let given = FramingCase.all[index]
        try await withClient(server.url) { client in
            #expect(await outcome(given, client, index) == given.meaning, "\(given)")
            let next = try await client.get("/again")
            #expect(try await next.body.text(upTo: .bytes(2)) == "ok", "\(given)")
            #expect((next.connection.requestCount == 2) == given.lives, "\(given)")
        }
    }

    // MARK: Another's opinion

    /// What NIO's decoder (llhttp) reads.
    private func opinion(_ given: FramingCase) throws -> FramingCase.Meaning {
        let channel = EmbeddedChannel()
        defer { _ = try? channel.finish(acceptAlreadyClosed: true) }
        let decoder = HTTPResponseDecoder(leftOverBytesStrategy: .dropBytes)
        try channel.pipeline.syncOperations.addHandlers([HTTPRequestEncoder(), ByteToMessageHandler(decoder)])
        let head = HTTPRequestHead(version: .http1_1, method: .init(rawValue: given.method.rawValue), uri: "/")
        try channel.writeOutbound(HTTPClientRequestPart.head(head))
        try channel.writeOutbound(HTTPClientRequestPart.end(nil))
        var (body, isWhole, hasFailed) = (ByteBuffer(), false, false)
        do {
            try channel.writeInbound(ByteBuffer(bytes: given.bytes))
            if given.ending == .closes { channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }
            try channel.throwIfErrorCaught()
        } catch {
            hasFailed = true
        }
        while let part = try channel.readInbound(as: HTTPClientResponsePart.self), !isWhole {
            switch part {
            case .head: break
            case .body(var bytes): body.writeBuffer(&bytes)
            case .end: isWhole = true
            }
        }
        if isWhole { return .body(String(decoding: body.readableBytesView, as: UTF8.self)) }
        return .fails(hasFailed ? "response.malformed" : "nothing")
    }

    @Test func nobodyElsesParserReadsItOtherwiseButForAReason() throws {
        for given in FramingCase.all where given.ending != .resets {
            let theirs = try opinion(given)
            let isSame: Bool
            switch (given.meaning, theirs) {
            case (.body(let ours), .body(let theirs)): isSame = ours == theirs
            case (.fails, .fails): isSame = true
            default: isSame = false
            }
            let reason = FramingOpinions.reasons[given.name]
            #expect(isSame == (reason == nil), "\(given): \(theirs), \(reason ?? "no reason")")
        }
    }
}

import DevPKI
import MTLSClient
import MTLSTestKit
import Testing

/// Response bodies: whole, in pieces, left unread.
@Suite struct BodyTests {
    @Test func aLargeBodyComesInPieces() async throws {
        let world = try World()
        let sent = [UInt8](repeating: 0x5A, count: 5 << 20)
        let server = try await world.server(.ignored) { _ in .response(bytes: sent) }
        let client = try Client(server.url, trust: world.trust)
        let response = try await client.get()
        var (count, pieces) = (0, 0)
        for try await piece in response.body {
            #expect(!piece.isEmpty)
            count += piece.count
            pieces += 1
        }
        #expect(count == sent.count)
        #expect(pieces > 1)
        #expect(try await client.get().connection.requestCount == 2)
        await client.shutdown()
    }

    @Test(.timeLimit(.minutes(1)), arguments: [1, 100_000])
    func whatCameBeforeAPauseIsReadDuringIt(odd: Int) async throws {
        let sent = (4 << 20) + odd
        let (pause, end) = AsyncStream.makeStream(of: Void.self)
        let server = try await RawServer { peer in
            _ = try await peer.readHead()
            try await peer.send("HTTP/1.1 200 OK\r\nContent-Length: \(2 * sent)\r\n\r\n")
            try await peer.send([UInt8](repeating: 1, count: sent))
            for await _ in pause {}
            try await peer.send([UInt8](repeating: 2, count: sent))
        }
        let client = try Client(server.url)
        var iterator = try await client.get().body.makeAsyncIterator()
        var count = 0
        while count < sent, let piece = try await iterator.next() { count += piece.count }
        #expect(count == sent)
        end.finish()
        while let piece = try await iterator.next() { count += piece.count }
        #expect(count == 2 * sent)
        await client.shutdown()
    }

    @Test func aBodyAboveTheLimitIsRefused() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in .response(bytes: [UInt8](repeating: 0, count: 2000)) }
        let client = try Client(server.url, trust: world.trust)
        await #expect { try await client.get().body.collect(upTo: .kibibytes(1)) } throws: {
            ($0 as? MTLSError)?.code == .responseTooLarge
        }
        await client.shutdown()
    }

    @Test func aBodyThatNobodyReadsHoldsTheServerBack() async throws {
        let world = try World()
        // Far more than sockets and buffers hold.
        let server = try await world.server(.ignored) { _ in .response(bytes: [UInt8](repeating: 1, count: 64 << 20)) }
        let client = try Client(server.url, trust: world.trust)
        let response = try await client.get()
        var iterator = response.body.makeAsyncIterator()
        let first = try await iterator.next()
        #expect((first?.count ?? 0) > 0)
        // Other requests go on meanwhile, over a connection of their own.
        #expect(try await client.get().connection.id == 2)
        await client.shutdown(graceful: false)
    }

    @Test func aBodyThatIsDroppedUnreadGivesItsConnectionUp() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { request in
            request.path == "/large" ? .response(bytes: [UInt8](repeating: 1, count: 8 << 20)) : .response()
        }
        var settings = ClientSettings()
        settings.connectionLimit = 1
        let client = try Client(server.url, trust: world.trust, settings: settings)
        _ = try await client.get("/large")
        #expect(try await client.get("/small").connection.id == 2)
        await client.shutdown()
    }

    @Test func theResponseToHEADHasNoBody() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in .response(body: "not for HEAD") }
        let client = try Client(server.url, trust: world.trust)
        let response = try await client.execute(.init(method: .head, scheme: nil, authority: nil, path: "/"))
        #expect(response.headerFields[.contentLength] == "12")
        #expect(try await response.body.collect(upTo: .kibibytes(1)).isEmpty)
        #expect(try await client.get().connection.requestCount == 2)
        await client.shutdown()
    }

    @Test func aChunkedBodyIsPutTogether() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in
            .raw(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n",
                then: .keepAlive)
        }
        let client = try Client(server.url, trust: world.trust)
        #expect(try await client.get().body.text(upTo: .kibibytes(1)) == "abcdefg")
        #expect(try await client.get().connection.requestCount == 2)
        await client.shutdown()
    }

    @Test func bytesBehindAResponseCostTheConnection() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in
            .raw(
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
                then: .keepAlive)
        }
        let client = try Client(server.url, trust: world.trust)
        for id in 1...2 {
            let response = try await client.get()
            #expect(try await response.body.text(upTo: .kibibytes(1)) == "ok")
            #expect(response.connection.id == id)
        }
        await client.shutdown()
    }

    @Test func aConnectionThatTheServerClosesIsNotReused() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in .response(then: .close) }
        let client = try Client(server.url, trust: world.trust)
        for id in 1...3 {
            #expect(try await client.get().connection.id == id)
        }
        await client.shutdown()
    }

    @Test func manyRequestsShareFewConnections() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { .response(body: $0.path) }
        let client = try Client(server.url, trust: world.trust)
        try await withThrowingTaskGroup { group in
            for number in 0..<200 {
                group.addTask {
                    let text = try await client.get("/\(number)").body.text(upTo: .kibibytes(1))
                    #expect(text == "/\(number)")
                }
            }
            try await group.waitForAll()
        }
        #expect(server.connectionCount <= 8)
        #expect(server.requests.count == 200)
        await client.shutdown()
    }
}

import HTTPTypes
import MTLSClient
import Testing

/// Request bodies on their way: lengths, chunks, consent, and responses that come before their end.
@Suite(.timeLimit(.minutes(1))) struct RequestBodyTests {
    private let ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

    /// Pieces that are counted when they are taken.
    private func pieces(_ texts: [String], taken: Tally = Tally()) -> AsyncStream<[UInt8]> {
        let rest = Box(texts[...])
        return AsyncStream {
            taken.add()
            return rest.value.popFirst().map { Array($0.utf8) }
        }
    }

    private func post(_ fields: HTTPFields = [:]) -> HTTPRequest {
        HTTPRequest(method: .post, scheme: nil, authority: nil, path: "/", headerFields: fields)
    }

    @Test func aStreamOfKnownLengthIsSentWithItsLength() async throws {
        let seen = Box<String?>(nil)
        let server = try await RawServer { peer in
            seen.value = try await peer.readHead().map { $0 + "|" }
            seen.value? += try await peer.read(until: "def") ?? ""
            try await peer.send(ok)
        }
        try await withClient(server.url) { client in
            _ = try await client.post("/", body: .stream(pieces(["abc", "", "def"]), length: 6))
        }
        #expect(seen.value?.contains("Content-Length: 6\r\n") == true)
        #expect(seen.value?.hasSuffix("|abcdef") == true)
    }

    @Test func aStreamOfUnknownLengthIsSentInChunksWithTrailers() async throws {
        let seen = Box<String?>(nil)
        let server = try await RawServer { peer in
            seen.value = try await peer.readHead().map { $0 + "|" }
            seen.value? += try await peer.read(until: "\r\n\r\n") ?? ""
            try await peer.send(ok)
        }
        try await withClient(server.url) { client in
            let body = RequestBody.stream(pieces(["abc", "0123456789abcdef"])) { [HTTPField.Name("X-Sum")!: "19"] }
            _ = try await client.post("/", body: body)
        }
        #expect(seen.value?.contains("Transfer-Encoding: chunked\r\n") == true)
        #expect(seen.value?.hasSuffix("|3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\nX-Sum: 19\r\n\r\n") == true)
    }

    @Test(arguments: [(["abc"], 4, "fewer"), (["abc", "de"], 4, "more")])
    func aStreamThatBreaksItsPromiseFailsTheRequest(_ texts: [String], _ length: Int, _ word: String) async throws {
        let server = try await RawServer { peer in _ = try await peer.count() }
        try await withClient(server.url) { client in
            await #expect { try await client.post("/", body: .stream(pieces(texts), length: length)) } throws: {
                ($0 as? MTLSError)?.code == .requestInvalid && "\($0)".contains(word)
            }
        }
    }

    @Test func aStreamThatFailsFailsTheRequest() async throws {
        struct Broken: Error {}
        let server = try await RawServer { peer in _ = try await peer.count() }
        try await withClient(server.url) { client in
            let body = AsyncThrowingStream<[UInt8], any Error> { $0.finish(throwing: Broken()) }
            await #expect { try await client.post("/", body: .stream(body)) } throws: {
                ($0 as? MTLSError)?.code == .requestBodyFailed && ($0 as? MTLSError)?.underlying is Broken
            }
        }
    }

    @Test func aStreamIsSentOnceAndARestartableOneAgain() async throws {
        let server = try await RawServer { peer in
            while try await peer.read(until: "0\r\n\r\n") != nil { try await peer.send(ok) }
        }
        try await withClient(server.url) { client in
            let once = RequestBody.stream(pieces(["a"]))
            _ = try await client.post("/", body: once)
            await #expect { try await client.post("/", body: once) } throws: {
                ($0 as? MTLSError)?.code == .requestInvalid
            }
            let again = RequestBody.restartable { pieces(["a"]) }
            _ = try await client.post("/", body: again)
            _ = try await client.post("/", body: again)
        }
    }

    @Test func aServerThatDoesNotReadHoldsTheStreamBack() async throws {
        let (release, taken) = (Gate(), Tally())
        let server = try await RawServer { peer in
            _ = try await peer.readHead()
            await release.wait()
            _ = try await peer.count()
        }
        let client = try Client(server.url)
        let chunk = [UInt8](repeating: 0x61, count: 1 << 20)
        let request = Task {
            try await client.post(
                "/",
                body: .stream(
                    AsyncStream<[UInt8]> {
                        taken.add(); return chunk
                    }))
        }
        await taken.reach(2)
        // Buffers of the two sockets hold a few megabytes; a stream that nothing holds back goes on for ever.
        var last = -1
        while taken.value != last {
            last = taken.value
            try await Task.sleep(for: .milliseconds(300))
        }
        #expect(taken.value < 64)
        request.cancel()
        await #expect { try await request.value } throws: { ($0 as? MTLSError)?.code == .cancelled }
        release.open()
        await client.shutdown(graceful: false)
    }

    @Test func anEarlyRefusalStopsTheStreamAndIsTold() async throws {
        let server = try await RawServer { peer in
            _ = try await peer.readHead()
            try await peer.send("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nno!")
            _ = try await peer.count()
        }
        try await withClient(server.url) { client in
            let body = AsyncStream<[UInt8]> { [UInt8](repeating: 0, count: 1 << 16) }
            let response = try await client.post("/", body: .stream(body))
            #expect(response.status.code == 413)
            #expect(try await response.body.text(upTo: .bytes(3)) == "no!")
        }
    }

    @Test func anAnswerCanComeWhileTheBodyIsBeingSent() async throws {
        let server = try await RawServer { peer in
            _ = try await peer.readHead()
            try await peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while let chunk = try await peer.read(until: "\r\n"), chunk != "0\r\n" {
                guard let text = try await peer.read(until: "\r\n") else { return }
                try await peer.send("\(chunk)\(text)")
            }
            try await peer.send("0\r\n\r\n")
        }
        try await withClient(server.url) { client in
            let (stream, source) = AsyncStream<[UInt8]>.makeStream()
            let response = try await client.post("/", body: .stream(stream))
            var iterator = response.body.makeAsyncIterator()
            for word in ["ping", "pong"] {
                source.yield(Array(word.utf8))
                #expect(try await iterator.next()?.text == word)
            }
            source.finish()
            #expect(try await iterator.next() == nil)
        }
    }

    @Test func aBodyWaitsForTheServersConsent() async throws {
        let (order, expectation) = (Box<[String]>([]), [HTTPField.Name.expect: "100-continue"] as HTTPFields)
        let server = try await RawServer { peer in
            _ = try await peer.readHead()
            order.value.append("asked")
            try await peer.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")
            order.value.append(try await peer.read(until: "body") ?? "")
            try await peer.send(ok)
        }
        try await withClient(server.url) { client in
            let codes = Box<[Int]>([])
            var limits = Timeouts()
            limits.consent = .seconds(60)
            _ = try await client.execute(post(expectation), body: .text("body"), timeouts: limits) {
                codes.value.append($0.status.code)
            }
            #expect(codes.value == [103, 100])
        }
        #expect(order.value == ["asked", "body"])
    }

    @Test func aRefusedExpectationSparesTheBody() async throws {
        let server = try await RawServer { peer in
            _ = try await peer.readHead()
            try await peer.send("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n")
            #expect(try await peer.count() == 0)
        }
        try await withClient(server.url) { client in
            var limits = Timeouts()
            limits.consent = .seconds(60)
            let response = try await client.execute(
                post([.expect: "100-continue"]), body: .text("body"), timeouts: limits)
            #expect(response.status.code == 417)
        }
    }

    @Test func trailersComeWithTheEndOfTheBody() async throws {
        let server = try await RawServer { peer in
            while try await peer.readHead() != nil {
                try await peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
                try await peer.send("0\r\nX-Sum: 7\r\n\r\n")
            }
        }
        try await withClient(server.url) { client in
            let response = try await client.get()
            #expect(try await response.body.text(upTo: .bytes(1)) == "x")
            #expect(response.body.trailers == [HTTPField.Name("X-Sum")!: "7"])
            #expect(try await client.get().connection.requestCount == 2)
        }
    }

    @Test func aFileIsSent() async throws {
        let size = (3 << 18) + 5
        let server = try await RawServer { peer in
            let head = try await peer.readHead()
            #expect(head?.contains("Content-Length: \(size)\r\n") == true)
            _ = try await peer.read(until: "the end")
            try await peer.send(ok)
        }
        let file = try TemporaryFile(String(repeating: ".", count: size - 7) + "the end")
        try await withClient(server.url) { client in
            let response = try await client.post("/", body: .file(file.path))
            #expect(response.status == .ok)
            await #expect { try await client.post("/", body: .file(file.path + ".none")) } throws: {
                ($0 as? MTLSError)?.code == .requestBodyFailed && "\($0)".contains(".none")
            }
        }
    }

    @Test func aSwitchOfProtocolsHandsTheConnectionOver() async throws {
        let server = try await RawServer { peer in
            _ = try await peer.readHead()
            try await peer.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n\r\nhello")
            while let line = try await peer.read(until: "\n") { try await peer.send(line) }
        }
        try await withClient(server.url) { client in
            let request = HTTPRequest(
                method: .get, scheme: nil, authority: nil, path: "/",
                headerFields: [.connection: "upgrade", .upgrade: "echo"])
            guard case .switched(let response, let connection) = try await client.upgrade(request) else {
                Issue.record("not switched")
                return
            }
            #expect(response.status.code == 101)
            var iterator = connection.makeAsyncIterator()
            #expect(try await iterator.next()?.text == "hello")
            try await connection.write("ping\n".utf8)
            #expect(try await iterator.next()?.text == "ping\n")
            try await connection.closeOutput()
            #expect(try await iterator.next() == nil)
        }
    }

    @Test func aServerMayDeclineToSwitchProtocols() async throws {
        let server = try await RawServer { peer in
            while try await peer.readHead() != nil { try await peer.send(ok) }
        }
        try await withClient(server.url) { client in
            let request = HTTPRequest(method: .connect, scheme: nil, authority: "h:1", path: nil)
            guard case .switched = try await client.upgrade(request) else {
                Issue.record("2xx to CONNECT is a tunnel")
                return
            }
            let get = HTTPRequest(method: .get, scheme: nil, authority: nil, path: "/", headerFields: [.upgrade: "x"])
            guard case .declined(let response) = try await client.upgrade(get) else {
                Issue.record("200 declines")
                return
            }
            #expect(response.status == .ok)
        }
    }
}

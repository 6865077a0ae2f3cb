import CommandSupport
import MTLSClient
import Testing

@Suite struct NginxResponseTests {
    @Test func theThirdRequestGoesOverANewConnection() async throws {
        let nginx = try await Nginx.running()
        let client = try nginx.client(.twoRequests)
        var connections: [Int] = []
        for number in [1, 2, 1, 2, 1] {
            let response = try await client.get("/who")
            #expect(try await response.text().hasSuffix(" \(number)\n"))
            connections.append(response.connection.id)
        }
        #expect(connections[0] == connections[1])
        #expect(connections[2] == connections[3])
        #expect(Set(connections).count == 3)
        await client.shutdown()
    }

    @Test func manyRequestsAtOnceAllPass() async throws {
        let nginx = try await Nginx.running()
        let client = try nginx.client(.twoRequests)
        let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<40 {
                group.addTask {
                    let response = try await client.get("/who")
                    _ = try await response.text()
                    return response.status.code
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(statuses == [Int](repeating: 200, count: 40))
        await client.shutdown()
    }

    @Test func aChunkedBodyIsWhole() async throws {
        let nginx = try await Nginx.running()
        let client = try nginx.client()
        let response = try await client.get("/chunked")
        #expect(response.headerFields[.transferEncoding] == "chunked")
        #expect(try await response.text() == "twenty TIMES 0123456789\n")
        let next = try await client.get("/who")
        #expect(try await next.text().hasSuffix(" 2\n"))
        await client.shutdown()
    }

    @Test(arguments: [TLSVersion.v1_2, .v1_3])
    func aBodyUntilTheCloseIsWhole(version: TLSVersion) async throws {
        let nginx = try await Nginx.running()
        let client = try nginx.client(tls: .only(version))
        let response = try await client.get("/until-close")
        #expect(response.headerFields[.contentLength] == nil)
        #expect(response.headerFields[.transferEncoding] == nil)
        #expect(try await response.text() == "twenty TIMES 0123456789\n")
        let next = try await client.get("/who")
        #expect(try await next.text().hasSuffix(" 1\n"))
        await client.shutdown()
    }

    @Test func responsesWithoutABodyKeepTheConnection() async throws {
        let nginx = try await Nginx.running()
        let client = try nginx.client()
        for (method, path, status) in [(HTTPRequest.Method.head, "/large", 200), (.get, "/nothing", 204)] {
            let response = try await client.execute(
                HTTPRequest(method: method, scheme: nil, authority: nil, path: path))
            #expect(response.status.code == status)
            #expect(try await response.body.collect(upTo: .bytes(0)).isEmpty)
            #expect(response.headerFields[.contentLength] == (method == .head ? "\(20 << 20)" : nil))
        }
        let next = try await client.get("/who")
        #expect(try await next.text().hasSuffix(" 3\n"))
        await client.shutdown()
    }

    @Test(arguments: [TLSVersion.v1_2, .v1_3])
    func aLargeBodyArrivesUnchanged(version: TLSVersion) async throws {
        let nginx = try await Nginx.running()
        let client = try nginx.client(tls: .only(version))
        let response = try await client.get("/large")
        var position = 0
        for try await piece in response.body {
            let end = min(position + piece.count, nginx.large.count)
            guard same(piece, nginx.large[position..<end]) else {
                Issue.record("the piece of \(piece.count) bytes at \(position) differs")
                break
            }
            position = end
        }
        #expect(position == nginx.large.count)
        await client.shutdown()
    }

    @Test func aLargeBodyIsCollectedWithinItsLimitOnly() async throws {
        let nginx = try await Nginx.running()
        let client = try nginx.client()
        let whole = try await client.get("/large").body.collect(upTo: .mebibytes(20))
        #expect(same(whole, nginx.large[...]))
        let error = try await failure { try await client.get("/large").body.collect(upTo: .mebibytes(19)) }
        #expect(error.code == .responseTooLarge)
        await client.shutdown()
    }

    @Test func anUploadThatIsRefusedEarlyIsAResponse() async throws {
        let nginx = try await Nginx.running()
        let client = try nginx.client()
        let response = try await client.post("/small-uploads", body: .bytes(Noise.bytes(5 << 20)))
        #expect(response.status == .contentTooLarge)
        await client.shutdown()
    }

    @Test func aRedirectIsTheCallersBusiness() async throws {
        let nginx = try await Nginx.running()
        let client = try nginx.client()
        let response = try await client.get("/elsewhere")
        #expect(response.status == .found)
        #expect(response.headerFields[.location] == "\(nginx.url())/who")
        await client.shutdown()
    }
}

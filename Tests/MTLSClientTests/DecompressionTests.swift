import CompressionSupport
import MTLSClient
import MTLSTestKit
import Testing

@Suite struct DecompressionTests {
    private static let text = (0..<20_000).map { "line \($0)\n" }.joined()

    private static func settings(_ decompression: DecompressionSettings = .init()) -> ClientSettings {
        var settings = ClientSettings()
        settings.decompression = decompression
        return settings
    }

    private func failure(_ body: () async throws -> Void) async throws -> MTLSError {
        try await #require(throws: MTLSError.self) { try await body() }
    }

    /// A client and a server whose every answer has the same body.
    private struct Pair {
        let client: Client
        let server: MTLSServer

        init(
            _ bytes: [UInt8], _ coding: String, _ status: HTTPResponse.Status = .ok,
            settings: ClientSettings = settings()
        ) async throws {
            let world = try World()
            server = try await world.server(.ignored) { _ in
                .response(status, headerFields: [.contentEncoding: coding, .contentType: "text/plain"], bytes: bytes)
            }
            client = try Client(server.url, trust: world.trust, settings: settings)
        }

        func end() async {
            await client.shutdown()
            await server.shutdown()
        }
    }

    @Test(arguments: Compression.allCases.filter(\.isAvailable))
    func aBodyIsDecompressedAndItsHeadSaysNoMoreOfIt(_ kind: Compression) async throws {
        let pair = try await Pair(kind.of(Self.text), kind.contentCoding)
        for _ in 1...2 {
            let response = try await pair.client.get()
            #expect(response.headerFields[.contentEncoding] == nil && response.headerFields[.contentLength] == nil)
            #expect(response.headerFields[.contentType] == "text/plain")
            #expect(try await response.body.text(upTo: .mebibytes(1)) == Self.text)
        }
        #expect(pair.server.connectionCount == 1)
        let offer = try #require(pair.server.requests.first?.headerFields[.acceptEncoding])
        #expect(offer.hasPrefix("gzip, deflate") && offer.contains(kind.contentCoding))
        await pair.end()
    }

    @Test func aBodyThatWasCompressedTwiceIsDecompressedTwice() async throws {
        let pair = try await Pair(Compression.gzip.of(Compression.zlib.of(Self.text)), "deflate, gzip")
        #expect(try await pair.client.get().body.text(upTo: .mebibytes(1)) == Self.text)
        await pair.end()
    }

    @Test func threeTimesIsAnError() async throws {
        let pair = try await Pair([], "gzip, gzip, gzip")
        #expect(try await failure { _ = try await pair.client.get() }.code == .responseEncodingInvalid)
        await pair.end()
    }

    @Test func whatWasNotAskedForStaysAsItIs() async throws {
        let compressed = Compression.gzip.of("text")
        let plain = try await Pair(compressed, "gzip", settings: ClientSettings())
        let response = try await plain.client.get()
        #expect(response.headerFields[.contentEncoding] == "gzip")
        #expect(try await Array(response.body.collect(upTo: .kibibytes(1))) == compressed)
        #expect(plain.server.requests.map { $0.headerFields[.acceptEncoding] } == [nil])
        await plain.end()

        let pair = try await Pair(compressed, "compress, gzip")
        let unknown = try await pair.client.get()
        #expect(unknown.headerFields[.contentEncoding] == "compress, gzip")
        #expect(try await Array(unknown.body.collect(upTo: .kibibytes(1))) == compressed)
        await pair.end()
    }

    @Test func rangesAreLeftAlone() async throws {
        let pair = try await Pair([1, 2, 3], "gzip", .partialContent)
        let response = try await pair.client.get(headerFields: [.range: "bytes=0-2"])
        #expect(try await Array(response.body.collect(upTo: .kibibytes(1))) == [1, 2, 3])
        #expect(pair.server.requests.map { $0.headerFields[.acceptEncoding] } == [nil])
        await pair.end()
    }

    @Test func headsWithoutABodyAreLeftAlone() async throws {
        let pair = try await Pair(Compression.gzip.of("text"), "gzip")
        let head = try await pair.client.execute(HTTPRequest(method: .head, scheme: nil, authority: nil, path: "/"))
        #expect(head.headerFields[.contentEncoding] == "gzip" && head.headerFields[.contentLength] != nil)
        await pair.end()
        let other = try await Pair([], "gzip", .notModified)
        #expect(try await other.client.get().headerFields[.contentEncoding] == "gzip")
        await other.end()
    }

    @Test func aBodyOfNoBytesIsEmptyWhateverItsHeadSays() async throws {
        let pair = try await Pair([], "gzip")
        #expect(try await pair.client.get().body.collect(upTo: .kibibytes(1)).isEmpty)
        await pair.end()
    }

    @Test func dataThatEndBeforeTheirTimeAreAnError() async throws {
        let pair = try await Pair(Array(Compression.gzip.of(Self.text).dropLast(5)), "gzip")
        let body = try await pair.client.get().body
        let error = try await failure { _ = try await body.collect(upTo: .mebibytes(1)) }
        #expect(error.code == .responseEncodingInvalid)
        // It does not pass for the end when it is read on.
        #expect(try await failure { for try await _ in body {} }.code == .responseEncodingInvalid)
        await pair.end()
    }

    @Test func somethingBehindTheEndIsAnError() async throws {
        let pair = try await Pair(Compression.gzip.of(Self.text) + [1, 2, 3], "gzip")
        let body = try await pair.client.get().body
        #expect(try await failure { _ = try await body.collect(upTo: .mebibytes(1)) }.code == .responseEncodingInvalid)
        await pair.end()
    }

    @Test func aBombIsStopped() async throws {
        // Twice compressed: 60 MB become a few hundred bytes.
        let bomb = Compression.gzip.of(Compression.gzip.of([UInt8](repeating: 0, count: 60 << 20)))
        let pair = try await Pair(bomb, "gzip, gzip")
        let body = try await pair.client.get().body
        var count = 0
        let error = try await failure { for try await piece in body { count += piece.count } }
        #expect(error.code == .responseTooLarge)
        #expect(count <= 10 << 20)
        await pair.end()
    }

    @Test func theDecompressedSizeHasALimitOfItsOwn() async throws {
        let pair = try await Pair(
            Compression.gzip.of(Self.text), "gzip", settings: Self.settings(DecompressionSettings(maximumSize: 1000)))
        let body = try await pair.client.get().body
        #expect(try await failure { for try await _ in body {} }.code == .responseTooLarge)
        await pair.end()
    }

    /// The server's sending stalls when nobody reads: what lies between is bounded.
    @Test func aBodyIsDecompressedAtTheReadersPace() async throws {
        let noise = (0..<1 << 17).flatMap { _ in withUnsafeBytes(of: UInt64.random(in: 0 ... .max)) { Array($0) } }
        let compressed = Compression.gzip.of(noise)
        let sent = Tally()
        let server = try await RawServer { peer in
            _ = try await peer.readHead()
            try await peer.send(
                "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: \(64 * compressed.count)\r\n\r\n")
            for _ in 0..<64 {
                try await peer.send(compressed)
                sent.add()
            }
            _ = try await peer.readHead()
        }
        let client = try Client(server.url, settings: Self.settings())
        var iterator = try await client.get().body.makeAsyncIterator()
        _ = try await iterator.next()
        // The kernel takes some MiB on loopback, and under load up to its limits: often 32 to receive and 4 to send.
        #expect(sent.value < 50)
        var count = 0
        while let piece = try await iterator.next() { count += piece.count }
        #expect(count > 60 << 20)
        await client.shutdown()
    }
}

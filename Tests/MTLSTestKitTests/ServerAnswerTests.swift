import DevPKI
import HTTPTypes
import MTLSClient
import MTLSTestKit
import Testing

/// What a test server does to its connections, as a client sees it.
@Suite struct ServerAnswerTests {
    private let authority: CertificateAuthority

    init() throws { authority = try CertificateAuthority(commonName: "Test Root") }

    private func start(
        _ answer: @escaping @Sendable (ServerRequest) async -> ServerAnswer
    ) async throws -> (MTLSServer, Client) {
        let server = try await MTLSServer(
            identity: authority.issue(.server(names: ["127.0.0.1"])), clients: .ignored, respond: answer)
        return (server, try Client(server.url, trust: .certificates([authority.root])))
    }

    /// The code of the error that a GET and the reading of its body end in; nil for none.
    private func code(_ answer: ServerAnswer) async throws -> MTLSError.Code? {
        let (server, client) = try await start { _ in answer }
        defer { _ = server }
        var code: MTLSError.Code?
        do {
            _ = try await client.get().body.collect(upTo: .kibibytes(1))
        } catch { code = (error as? MTLSError)?.code }
        await client.shutdown()
        return code
    }

    private static let untilClosed = "HTTP/1.1 200 OK\r\n\r\nabc"
    private static let tooShort = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"

    @Test func aConnectionThatStaysServesTheNextRequest() async throws {
        let (server, client) = try await start { .response(body: $0.path) }
        for path in ["/a", "/b", "/c"] {
            #expect(try await client.get(path).body.text(upTo: .kibibytes(1)) == path)
        }
        #expect(server.connectionCount == 1)
        #expect(server.requests.map(\.number) == [1, 2, 3])
        #expect(server.requests.map(\.connection) == [1, 1, 1])
        #expect(server.requests.map(\.path) == ["/a", "/b", "/c"])
        await client.shutdown()
    }

    @Test func aConnectionThatIsClosedSaysSoAndServesNoOther() async throws {
        let (server, client) = try await start { _ in .response(body: "x", then: .close) }
        #expect(try await client.get().headerFields[.connection] == "close")
        #expect(try await client.get().body.text(upTo: .kibibytes(1)) == "x")
        #expect(server.requests.map(\.connection) == [1, 2])
        await client.shutdown()
    }

    @Test func closeHasACloseNotifyAndCutHasNone() async throws {
        #expect(try await code(.raw(Self.untilClosed, then: .close)) == nil)
        #expect(try await code(.raw(Self.untilClosed, then: .cut)) == .responseTruncated)
    }

    @Test func anAnswerThatBreaksOffIsAnErrorHoweverItEnds() async throws {
        #expect(try await code(.raw(Self.tooShort, then: .close)) == .responseTruncated)
        #expect(try await code(.raw(Self.tooShort, then: .cut)) == .responseTruncated)
        let reset = try await code(.raw(Self.tooShort, then: .reset))
        #expect(reset == .connectionLost || reset == .responseTruncated, "\(reset as Any)")
    }

    @Test func withoutAnAnswerTheEndingIsTheError() async throws {
        #expect(try await code(.nothing(then: .close)) == .responseEmpty)
        #expect(try await code(.nothing(then: .cut)) == .responseEmpty)
        #expect(try await code(.nothing(then: .reset)) == .connectionLost)
    }

    @Test func anAnswerMayBeDelayed() async throws {
        let delay = Duration.milliseconds(80)
        let answer: @Sendable (ServerRequest) async -> ServerAnswer = { _ in
            var answer = ServerAnswer.response()
            answer.delay = delay
            return answer
        }
        let (server, client) = try await start(answer)
        defer { _ = server }
        let start = ContinuousClock.now
        _ = try await client.get()
        #expect(ContinuousClock.now - start >= delay)
        await client.shutdown()
    }

    @Test func aRequestIsKeptAsItCame() async throws {
        let (server, client) = try await start { .response(.created, bytes: Array($0.body)) }
        let name = try #require(HTTPField.Name("X-Test"))
        let response = try await client.post("/p?q=1", body: .text("body"), headerFields: [name: "yes"])
        #expect(response.status == .created)
        #expect(try await response.body.text(upTo: .kibibytes(1)) == "body")
        let request = try #require(server.requests.first)
        #expect(request.method == .post)
        #expect(request.path == "/p?q=1")
        #expect(request.headerFields[name] == "yes")
        #expect(String(decoding: request.body, as: UTF8.self) == "body")
        await client.shutdown()
    }

    @Test func afterItsShutdownAServerAnswersNobody() async throws {
        let (server, client) = try await start { _ in .response() }
        _ = try await client.get()
        await server.shutdown()
        let error = await #expect(throws: MTLSError.self) { try await client.get() }
        #expect(error?.code == .connectFailed)
        #expect(server.requests.count == 1)
        await client.shutdown()
    }
}

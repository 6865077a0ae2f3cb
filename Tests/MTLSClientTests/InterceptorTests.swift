import CompressionSupport
import Glibc
import Logging
import MTLSClient
import MTLSTestKit
import NIOPosix
import Synchronization
import Testing

@Suite struct InterceptorTests {
    /// Writes its name into a list before and behind.
    private struct Noting: Interceptor {
        let name: String
        let list: Box<[String]>

        func intercept(_ request: OutgoingRequest, next: NextInterceptor) async throws -> Response {
            list.value.append("> \(name) \(request.url)")
            defer { list.value.append("< \(name)") }
            return try await next(request)
        }
    }

    private struct Closure: Interceptor {
        let body: @Sendable (OutgoingRequest, NextInterceptor) async throws -> Response

        init(_ body: @escaping @Sendable (OutgoingRequest, NextInterceptor) async throws -> Response) {
            self.body = body
        }

        func intercept(_ request: OutgoingRequest, next: NextInterceptor) async throws -> Response {
            try await body(request, next)
        }
    }

    private func client(
        _ world: World, _ server: MTLSServer, _ interceptors: any Interceptor...
    ) throws -> Client {
        var settings = ClientSettings()
        settings.interceptors = interceptors
        return try Client(server.url, trust: world.trust, settings: settings)
    }

    @Test func theFirstOneIsTheOutermost() async throws {
        let world = try World()
        let server = try await world.server(.ignored)
        let list = Box<[String]>([])
        let client = try client(world, server, Noting(name: "a", list: list), Noting(name: "b", list: list))
        _ = try await client.get("/x?y")
        #expect(list.value == ["> a \(server.url)/x?y", "> b \(server.url)/x?y", "< b", "< a"])
        await client.shutdown()
    }

    @Test func oneMayChangeTheRequestAndTheResponse() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { .response(body: "\($0.path) \($0.body.text)") }
        let client = try client(
            world, server,
            Closure { request, next in
                var request = request
                request.head.path = "/other"
                request.body = .text("body")
                let response = try await next(request)
                let text = try await response.body.text(upTo: .kibibytes(1))
                return response.replacing(body: .bytes(Array("[\(text)]".utf8)))
            })
        #expect(try await client.get().body.text(upTo: .kibibytes(1)) == "[/other body]")
        await client.shutdown()
    }

    @Test func oneMayAnswerByItself() async throws {
        let world = try World()
        let server = try await world.server(.ignored)
        let client = try client(
            world, server, Closure { _, _ in Response(HTTPResponse(status: .ok), body: .bytes(Array("mine".utf8))) })
        let response = try await client.get()
        #expect(try await response.body.text(upTo: .kibibytes(1)) == "mine")
        #expect(response.connection.requestCount == 0)
        #expect(server.connectionCount == 0)
        await client.shutdown()
    }

    @Test func oneMayAskTwice() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { .response(body: "\($0.number)") }
        let client = try client(
            world, server,
            Closure { request, next in
                _ = try await next(request).body.collect(upTo: .kibibytes(1))
                return try await next(request)
            })
        #expect(try await client.get().body.text(upTo: .kibibytes(1)) == "2")
        await client.shutdown()
    }

    @Test func oneMayWrapABodyThatIsReadByDemand() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in .response(bytes: [UInt8](repeating: 1, count: 500_000)) }
        let client = try client(
            world, server,
            Closure { request, next in
                let response = try await next(request)
                return response.replacing(body: .stream(response.body.map { piece in piece.map { $0 + 1 } }))
            })
        let body = try await client.get().body.collect(upTo: .mebibytes(1))
        #expect(body.count == 500_000 && body.allSatisfy { $0 == 2 })
        await client.shutdown()
    }

    @Test func oneOfAnAgentMaySendTheRequestElsewhere() async throws {
        let world = try World()
        let other = try await world.server(.required)
        let server = try await world.server(.required)
        var settings = ClientSettings()
        let origin = try Agent().client(for: other.url).origin
        settings.interceptors = [
            Closure { request, next in
                var request = request
                request.origin = origin
                return try await next(request)
            }
        ]
        let agent = Agent(identity: try world.identity("alice"), trust: world.trust, settings: settings)
        #expect(try await agent.get(server.url).body.text(upTo: .kibibytes(1)) == "CN=alice")
        #expect(server.connectionCount == 0 && other.connectionCount == 1)
        await agent.shutdown()
    }

    @Test func aRequestFromATaskOnTheClientsExecutorChangesNoThread() async throws {
        let world = try World()
        let text = String(repeating: "text ", count: 1000)
        let compressed = Compression.gzip.of(text)
        let server = try await world.server(.ignored) { _ in
            .response(headerFields: [.contentEncoding: "gzip"], bytes: compressed)
        }
        var settings = RedirectTests.settings()
        settings.retries = RetrySettings()
        settings.decompression = DecompressionSettings()
        settings.interceptors = [Closure { request, next in try await next(request) }]
        let client = try Client(server.url, trust: world.trust, settings: settings)
        let (threads, arrivals) = try await withTaskExecutorPreference(client.executor) {
            try await Self.requests(client, text)
        }
        #expect(threads == 1)
        #expect(arrivals == 0)
        await client.shutdown()
    }

    @concurrent
    private static func requests(_ client: Client, _ text: String) async throws -> (threads: Int, arrivals: Int) {
        _ = try await client.get().body.collect(upTo: .kibibytes(16))
        var threads: Set<UInt> = []
        let arrivals = client.arrivalsFromOtherThreads
        for _ in 1...20 {
            threads.insert(UInt(pthread_self()))
            let body = try await client.get().body.text(upTo: .kibibytes(16))
            #expect(body == text)
            threads.insert(UInt(pthread_self()))
        }
        return (threads.count, client.arrivalsFromOtherThreads - arrivals)
    }

    // MARK: Those that come with the package

    @Test func aStatusAbove400CanBeAnErrorWithTheStartOfTheBody() async throws {
        let world = try World()
        let server = try await world.server(.ignored) {
            .response(.init(code: Int($0.path.dropFirst()) ?? 0), body: "the reason why")
        }
        let client = try client(world, server, StatusCheck(excerpt: .bytes(10)))
        #expect(try await client.get("/302").status == .found)
        for (status, fault) in [(404, MTLSError.Fault.caller), (500, .peer)] {
            let error = try await #require(throws: MTLSError.self) { try await client.get("/\(status)") }
            #expect(error.code == .responseStatus && error.fault == fault)
            let underlying = try #require(error.underlying as? StatusError)
            #expect(underlying.head.status.code == status && underlying.excerpt.text == "the reason")
            #expect(!error.description.contains("reason"))
        }
        #expect(server.connectionCount == 1)
        await client.shutdown()
    }

    @Test func theLogHoldsNoQuery() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in .response(.notFound) }
        let lines = Box<[String]>([])
        let logger = Logger(label: "test") { _ in Recorder(lines: lines) }
        let client = try client(world, server, RequestLog(logger, level: .critical))
        _ = try await client.get("/x?secret")
        let line = try #require(lines.value.first)
        #expect(lines.value.count == 1)
        #expect(line.hasPrefix("info") && line.contains("path=/x ") && line.contains("status=404"))
        #expect(!line.contains("secret"))
        await client.shutdown()
    }

    private struct Recorder: LogHandler {
        let lines: Box<[String]>
        var metadata = Logger.Metadata()
        var logLevel = Logger.Level.trace
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }
        func log(event: LogEvent) {
            let pairs = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0)=\($1) " }.joined()
            lines.value.append("\(event.level) \(event.message) \(pairs)")
        }
    }
}

import DevPKI
import InMemoryTracing
import MTLSClient
import MTLSTestKit
import Testing
import Tracing

@Suite struct TracingTests {
    private let tracer = InMemoryTracer()

    private var settings: ClientSettings {
        var settings = ClientSettings()
        settings.tracer = tracer
        return settings
    }

    private func text(_ span: FinishedInMemorySpan, _ name: String) -> String? {
        switch span.attributes.get(name) {
        case .string(let text): text
        case .int32(let number): "\(number)"
        case .int64(let number): "\(number)"
        default: nil
        }
    }

    @Test func aRequestIsASpanByOpenTelemetrysConventions() async throws {
        let world = try World()
        let server = try await world.server(.ignored)
        let client = try Client(server.url, trust: world.trust, settings: settings)
        _ = try await client.get("/orders?key=secret")
        await client.shutdown()
        let span = try #require(tracer.finishedSpans.first)
        #expect(span.operationName == "GET")
        #expect(span.kind == .client)
        #expect(text(span, "http.request.method") == "GET")
        #expect(text(span, "server.address") == "127.0.0.1")
        #expect(text(span, "server.port") == "\(server.port)")
        #expect(text(span, "url.full") == "https://127.0.0.1:\(server.port)/orders")
        #expect(text(span, "http.response.status_code") == "200")
        #expect(text(span, "network.protocol.version") == "1.1")
        #expect(text(span, "error.type") == nil)
        #expect(text(span, "http.request.resend_count") == nil)
        #expect(span.status == nil)
    }

    @Test func theServerGetsTheContextOfTheSpan() async throws {
        let world = try World()
        let server = try await world.server(.ignored)
        let client = try Client(server.url, trust: world.trust, settings: settings)
        _ = try await tracer.withSpan("outer") { _ in try await client.get() }
        await client.shutdown()
        let spans = tracer.finishedSpans
        let (inner, outer) = (try #require(spans.first), try #require(spans.last))
        #expect(inner.operationName == "GET")
        #expect(inner.parentSpanID == outer.spanID)
        let fields = try #require(server.requests.first).headerFields
        #expect(fields[.init(InMemoryTracer.traceIDKey)!] == outer.traceID)
        #expect(fields[.init(InMemoryTracer.spanIDKey)!] == inner.spanID)
    }

    @Test func aFailureIsInTheSpan() async throws {
        let world = try World()
        let server = try await world.server(.ignored)
        let client = try Client(server.url, trust: .certificates([try World().authority.root]), settings: settings)
        _ = try? await client.get()
        await client.shutdown()
        let span = try #require(tracer.finishedSpans.first)
        #expect(text(span, "error.type") == "tls.issuerUnknown")
        #expect(span.status?.code == .error)
        #expect(span.errors.count == 1)
    }

    @Test func aStatusOfAnErrorIsOneToTheSpanToo() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in .response(.notFound) }
        let client = try Client(server.url, trust: world.trust, settings: settings)
        _ = try await client.get()
        await client.shutdown()
        let span = try #require(tracer.finishedSpans.first)
        #expect(text(span, "error.type") == "404")
        #expect(span.status?.code == .error)
    }

    @Test func aRequestThatWasSentTwiceSaysSo() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { request in
            request.connection == 1 && request.number == 2 ? .nothing(then: .close) : .response()
        }
        let client = try Client(server.url, trust: world.trust, settings: settings)
        for _ in 1...2 { _ = try await client.get() }
        await client.shutdown()
        #expect(text(try #require(tracer.finishedSpans.last), "http.request.resend_count") == "1")
    }

    @Test func withoutATracerNothingIsAdded() async throws {
        let world = try World()
        let server = try await world.server(.ignored)
        let client = try Client(server.url, trust: world.trust)
        _ = try await client.get()
        await client.shutdown()
        #expect(server.requests.first?.headerFields.count == 1)
    }
}

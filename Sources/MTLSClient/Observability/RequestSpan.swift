import HTTPTypes
import Instrumentation
import MTLSCore
import Tracing

/// Writes the trace's context into a request's fields, such as `traceparent` (W3C Trace Context).
private struct FieldInjector: Injector {
    func inject(_ value: String, forKey key: String, into fields: inout HTTPFields) {
        guard let name = HTTPField.Name(key) else { return }
        fields[name] = value
    }
}

extension Client {
    /// Whether ``traced(_:by:_:)`` would make a span.
    func isTraced(by given: (any Tracer)?) -> Bool {
        given != nil || type(of: InstrumentationSystem.instrument) != NoOpInstrument.self
    }

    /// Makes a span of what `send` does, by OpenTelemetry's conventions for HTTP clients, and sends the trace's context
    /// along. The span ends when the response's head has come.
    ///
    /// - Parameters:
    ///   - given: The tracer; the one of the system if `nil`.
    ///   - send: Returns the response, and whether the request was sent once more to get it.
    nonisolated(nonsending) func traced(
        _ request: HTTPRequest, by given: (any Tracer)?,
        _ send: nonisolated(nonsending) (HTTPRequest) async throws -> (Response, wasRetried: Bool)
    ) async throws -> Response {
        let instrument: any Instrument = given ?? InstrumentationSystem.instrument
        if instrument is NoOpInstrument { return try await send(request).0 }
        let tracer: any Tracer = given ?? InstrumentationSystem.tracer
        return try await withSpan(of: request, by: tracer, instrument, send)
    }

    private nonisolated(nonsending) func withSpan(
        of request: HTTPRequest, by tracer: some Tracer, _ instrument: any Instrument,
        _ send: nonisolated(nonsending) (HTTPRequest) async throws -> (Response, wasRetried: Bool)
    ) async throws -> Response {
        let method = HTTPMethodName.label(request.method.rawValue)
        let span = tracer.startSpan(method == "_OTHER" ? "HTTP" : method, ofKind: .client)
        defer { span.end() }
        describe(request, method, on: span)
        var request = request
        instrument.inject(span.context, into: &request.headerFields, using: FieldInjector())
        do {
            let (response, wasRetried) = try await ServiceContext.$current.withValue(span.context) {
                try await send(request)
            }
            let code = response.status.code
            span.attributes["http.response.status_code"] = code
            span.attributes["network.protocol.version"] = String(response.connection.version.dropFirst("HTTP/".count))
            if wasRetried { span.attributes["http.request.resend_count"] = 1 }
            if code >= 400 {
                span.attributes["error.type"] = "\(code)"
                span.setStatus(.init(code: .error))
            }
            return response
        } catch {
            span.attributes["error.type"] = (error as? MTLSError)?.shortDescription ?? "_OTHER"
            span.setStatus(.init(code: .error, message: "\(error)"))
            span.recordError(error)
            throw error
        }
    }

    private func describe(_ request: HTTPRequest, _ method: String, on span: some Span) {
        span.attributes["http.request.method"] = method
        if method == "_OTHER" { span.attributes["http.request.method_original"] = request.method.rawValue }
        span.attributes["server.address"] = origin.host
        span.attributes["server.port"] = origin.port
        // A query may hold secrets, and often does.
        let path = (request.path ?? "/").prefix { $0 != "?" }
        span.attributes["url.full"] = "\(origin.scheme.rawValue)://\(origin.authority)\(path)"
    }
}

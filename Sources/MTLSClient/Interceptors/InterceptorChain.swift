import MTLSCore

/// The walk of a request, from the caller to the exchange.
struct InterceptorChain: Sendable {
    private let links: [any Interceptor]

    init(_ settings: ClientSettings) {
        var links = settings.interceptors
        if let redirects = settings.redirects { links.append(RedirectInterceptor(settings: redirects)) }
        if let retries = settings.retries { links.append(RetryInterceptor(settings: retries)) }
        if let decompression = settings.decompression {
            links.append(DecompressionInterceptor(settings: decompression))
        }
        self.links = links
    }

    /// Whether there is nothing between: then the exchange is called straight.
    var isEmpty: Bool { links.isEmpty }

    func run(_ request: OutgoingRequest, by clients: any ClientDirectory) async throws -> Response {
        try await NextInterceptor(links[...], clients)(request)
    }
}

extension Agent: ClientDirectory {}

extension Client: ClientDirectory {
    nonisolated(nonsending) func withClient<Result>(
        for origin: Origin, reachedBy: ReachedBy, _ body: nonisolated(nonsending) (Client) async throws -> Result
    ) async throws -> Result {
        guard origin == self.origin else {
            throw MTLSError(
                .redirectInvalid, phase: .request, fault: .caller,
                "a client of \(self.origin) does not ask \(origin)", advice: "use an Agent",
                origin: self.origin.description)
        }
        return try await body(self)
    }
}

public import HTTPTypes
public import MTLSCore

/// Stands between those who ask and the exchange: it may change the request, answer it by itself, send it more than once,
/// and change the response or wrap its body.
///
/// ``ClientSettings/interceptors`` lists them, the outermost first. They come before redirects are followed and requests
/// repeated, so each sees a request once, and its last response.
///
/// It runs where the caller runs, perhaps on the client's event loop, and must not block.
public protocol Interceptor: Sendable {
    /// Answers a request.
    ///
    /// - Parameter next: What comes behind. It may be called any number of times, with a body that can be had again if
    ///   more than once: ``RequestBody/isReplayable``.
    /// - Throws: What the request is to throw.
    func intercept(_ request: OutgoingRequest, next: NextInterceptor) async throws -> Response
}

/// A request on its way through the interceptors.
public struct OutgoingRequest: Sendable {
    /// Whom to ask. A client sends to its own origin only, an ``Agent`` to any. Whoever sets it vouches for it: the
    /// client's identity is shown there.
    public var origin: Origin
    /// Method, path and fields. Scheme and authority say nothing.
    public var head: HTTPRequest
    /// What goes with it.
    public var body: RequestBody
    /// How long each step may take. ``Timeouts/request`` counts from the call, whatever is done in between.
    public var timeouts: Timeouts

    /// Who named the origin.
    var reachedBy = ReachedBy.caller
    /// What the caller's URL said behind `#`.
    var fragment: String?
    var informational: (@Sendable (HTTPResponse) -> Void)?
    /// Whether a try before was lost: then the pool does not send it again by itself.
    var isRepetition = false
    /// When the whole request has taken too long.
    private(set) var deadline = Deadline.distantFuture
    private let limit: Duration?

    init(
        origin: Origin, head: HTTPRequest, body: RequestBody, timeouts: Timeouts, fragment: String? = nil,
        informational: (@Sendable (HTTPResponse) -> Void)? = nil
    ) {
        self.origin = origin
        self.head = head
        self.body = body
        self.timeouts = timeouts
        self.fragment = fragment
        self.informational = informational
        limit = timeouts.limit(of: .request)
        deadline = timeouts.deadline(of: .request, from: .now)
    }

    /// The URL, with the query.
    public var url: String { place.url }

    var place: RedirectPolicy.Place {
        .init(method: head.method, origin: origin, target: head.path ?? "/", fragment: fragment)
    }

    /// What is left of the whole request's time; nil when that has no limit.
    var remaining: Duration? { limit.map { _ in deadline - .now } }

    /// The limits of an exchange that begins now.
    ///
    /// - Throws: ``MTLSError/Code/timeoutRequest`` when it is too late.
    func timeoutsNow() throws(MTLSError) -> Timeouts {
        guard let remaining else { return timeouts }
        guard remaining > .zero else { throw timeout }
        var timeouts = timeouts
        timeouts.request = timeouts.limit(of: .request).map { min($0, remaining) } ?? remaining
        return timeouts
    }

    /// The error that names the whole limit, in place of one that names what was left of it.
    func whole(_ error: any Error) -> any Error {
        (error as? MTLSError)?.code == .timeoutRequest && deadline <= .now ? timeout : error
    }

    private var timeout: MTLSError { .timeout(.request, limit: limit ?? .zero, origin: origin) }
}

/// What comes behind an interceptor: the next one, or in the end the exchange.
public struct NextInterceptor: Sendable {
    private let links: ArraySlice<any Interceptor>
    private let clients: any ClientDirectory

    init(_ links: ArraySlice<any Interceptor>, _ clients: any ClientDirectory) {
        self.links = links
        self.clients = clients
    }

    /// Has the request answered.
    ///
    /// - Throws: ``MTLSError``, and what interceptors throw.
    public func callAsFunction(_ request: OutgoingRequest) async throws -> Response {
        if let link = links.first {
            return try await link.intercept(request, next: NextInterceptor(links.dropFirst(), clients))
        }
        do {
            return try await clients.withClient(for: request.origin, reachedBy: request.reachedBy) { client in
                try await client.exchange(
                    request.head, body: request.body, timeouts: try request.timeoutsNow(),
                    informational: request.informational, isRepetition: request.isRepetition)
            }
        } catch {
            throw request.whole(error)
        }
    }
}

/// Knows the client for an origin.
protocol ClientDirectory: Sendable {
    /// Calls `body` with the client, which is not dropped meanwhile.
    nonisolated(nonsending) func withClient<Result>(
        for origin: Origin, reachedBy: ReachedBy, _ body: nonisolated(nonsending) (Client) async throws -> Result
    ) async throws -> Result
}

import HTTPTypes
import MTLSCore

/// Follows redirects as ``RedirectPolicy`` decides.
struct RedirectInterceptor: Interceptor {
    let settings: RedirectSettings

    func intercept(_ request: OutgoingRequest, next: NextInterceptor) async throws -> Response {
        let first = request
        var request = request
        var policy = RedirectPolicy(settings, start: request.place)
        while true {
            var response: Response
            do {
                response = try await next(request)
            } catch let error as MTLSError {
                throw Self.explained(error, request)
            }
            guard let step = try policy.next(after: response.head, fields: request.head.headerFields) else {
                response.redirects = policy.followed
                return response
            }
            if !step.keepsBody {
                request.body = .none
            } else if try await !request.body.isReplayable {
                throw Self.spent(request, response.status)
            }
            try settings.willFollow?(
                Redirect(source: request.url, response: response.head, target: step.place.url))
            await response.body.discard()
            request.head.method = step.place.method
            request.head.path = step.place.target
            request.head.headerFields = step.fields
            request.origin = step.place.origin
            request.fragment = step.place.fragment
            request.reachedBy = request.origin == first.origin ? first.reachedBy : .redirect
        }
    }

    private static func spent(_ request: OutgoingRequest, _ status: HTTPResponse.Status) -> MTLSError {
        MTLSError(
            .requestBodySpent, phase: .request, fault: .caller,
            "\(request.origin.endpoint) redirects with status \(status.code), and the request's body cannot be sent again",
            advice: "use RequestBody.restartable, or bytes or a file", origin: request.origin.description)
    }

    /// Why no identity was shown where one is demanded.
    private static func explained(_ error: MTLSError, _ request: OutgoingRequest) -> MTLSError {
        guard error.code == .clientCertificateRequired, request.reachedBy == .redirect else { return error }
        return MTLSError(
            .identityWithheld, phase: error.phase, fault: .caller,
            "\(request.origin.endpoint), which only a redirect has named, demands a client certificate",
            advice: "name its host in Identity.perHost, or ask for its URL", origin: error.origin, underlying: error)
    }
}

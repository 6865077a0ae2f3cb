public import Logging
import MTLSCore

/// An interceptor that writes a line for each request, with method, origin, path, status and time. The query, the fields
/// and the bodies, in which secrets may be, are left out.
public struct RequestLog: Interceptor {
    private let logger: Logger
    private let level: Logger.Level

    /// - Parameter level: At most `info`.
    public init(_ logger: Logger, level: Logger.Level = .info) {
        self.logger = logger
        self.level = min(level, .info)
    }

    /// Sends the request on, and writes what came of it.
    public func intercept(_ request: OutgoingRequest, next: NextInterceptor) async throws -> Response {
        let start = ContinuousClock.now
        var metadata: Logger.Metadata = [
            "method": "\(request.head.method.rawValue)", "origin": "\(request.origin)",
            "path": "\(Printable.escape(String((request.head.path ?? "/").prefix { $0 != "?" })))",
        ]
        do {
            let response = try await next(request)
            metadata["status"] = "\(response.status.code)"
            metadata["duration"] = "\((.now - start).forPeople)"
            logger.log(level: level, "request answered", metadata: metadata)
            return response
        } catch {
            metadata["error"] = "\((error as? MTLSError)?.code.rawValue ?? "\(type(of: error))")"
            metadata["duration"] = "\((.now - start).forPeople)"
            logger.log(level: level, "request failed", metadata: metadata)
            throw error
        }
    }
}

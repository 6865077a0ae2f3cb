public import HTTPTypes

extension Client {
    /// Sends a GET request for `path`.
    ///
    /// - Throws: ``MTLSError``.
    @concurrent
    public func get(_ path: String = "/", headerFields: HTTPFields = [:]) async throws -> Response {
        try await execute(.of(.get, path, headerFields))
    }

    /// Sends a POST request with `body` to `path`.
    ///
    /// - Throws: ``MTLSError``.
    @concurrent
    public func post(
        _ path: String, body: RequestBody, headerFields: HTTPFields = [:]
    ) async throws -> Response {
        try await execute(.of(.post, path, headerFields), body: body)
    }
}

extension Agent {
    /// Sends a GET request for `url`.
    ///
    /// - Throws: ``MTLSError``.
    @concurrent
    public func get(_ url: String, headerFields: HTTPFields = [:]) async throws -> Response {
        try await execute(url, .of(.get, "/", headerFields))
    }

    /// Sends a POST request with `body` to `url`.
    ///
    /// - Throws: ``MTLSError``.
    @concurrent
    public func post(
        _ url: String, body: RequestBody, headerFields: HTTPFields = [:]
    ) async throws -> Response {
        try await execute(url, .of(.post, "/", headerFields), body: body)
    }
}

extension HTTPRequest {
    fileprivate static func of(_ method: Method, _ path: String, _ fields: HTTPFields) -> HTTPRequest {
        HTTPRequest(method: method, scheme: nil, authority: nil, path: path, headerFields: fields)
    }
}

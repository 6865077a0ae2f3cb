public import MTLSIdentity

/// Makes a client for the time of `body`, and shuts it down gracefully when that ends, at once when it throws.
///
/// - Throws: ``MTLSError``, and what `body` throws.
@discardableResult
public func withClient<Result>(
    _ url: String, identity: Identity? = nil, trust: Trust = .system, tls: TLSSettings = TLSSettings(),
    settings: ClientSettings = ClientSettings(), _ body: (Client) async throws -> Result
) async throws -> Result {
    let client = try Client(url, identity: identity, trust: trust, tls: tls, settings: settings)
    return try await scope(client, body) { await $0.shutdown(graceful: $1) }
}

/// Makes an agent for the time of `body`, and shuts it down gracefully when that ends, at once when it throws.
///
/// - Throws: What `body` throws.
@discardableResult
public func withAgent<Result>(
    identity: Identity? = nil, trust: Trust = .system, tls: TLSSettings = TLSSettings(),
    settings: ClientSettings = ClientSettings(), _ body: (Agent) async throws -> Result
) async throws -> Result {
    let agent = Agent(identity: identity, trust: trust, tls: tls, settings: settings)
    return try await scope(agent, body) { await $0.shutdown(graceful: $1) }
}

private func scope<Value, Result>(
    _ value: Value, _ body: (Value) async throws -> Result, end: (Value, _ gracefully: Bool) async -> Void
) async throws -> Result {
    do {
        let result = try await body(value)
        await end(value, true)
        return result
    } catch {
        await end(value, false)
        throw error
    }
}

public import HTTPTypes
public import MTLSCore
import Synchronization

/// Requests of one line, by the agent of the task or the process.
///
/// ```swift
/// let response = try await MTLS.get("https://api.example/orders")
/// ```
public enum MTLS {
    private static let shared = Mutex<Agent?>(nil)

    /// Takes the default agent's place in a task and its children: `MTLS.$agent.withValue(agent) { … }`.
    @TaskLocal public static var agent: Agent?

    /// The agent of the process, made when it is first needed. Unless another was set it presents nobody and trusts
    /// whom the system trusts.
    public static var defaultAgent: Agent {
        shared.withLock { agent in
            if let agent { return agent }
            let made = Agent()
            agent = made
            return made
        }
    }

    /// Makes `agent` the agent of the process: with an identity, say, or with other settings.
    ///
    /// - Returns: The one that had been set or made before, which its owner may shut down.
    @discardableResult
    public static func setDefaultAgent(_ agent: Agent) -> Agent? {
        shared.withLock { shared in
            defer { shared = agent }
            return shared
        }
    }

    /// Sends a GET request for `url`.
    ///
    /// - Throws: ``MTLSError``.
    @concurrent
    public static func get(_ url: String, headerFields: HTTPFields = [:]) async throws -> Response {
        try await (agent ?? defaultAgent).get(url, headerFields: headerFields)
    }

    /// Sends a POST request with `body` to `url`.
    ///
    /// - Throws: ``MTLSError``.
    @concurrent
    public static func post(
        _ url: String, body: RequestBody, headerFields: HTTPFields = [:]
    ) async throws -> Response {
        try await (agent ?? defaultAgent).post(url, body: body, headerFields: headerFields)
    }

    /// Sends a request and returns when the response's head has come.
    ///
    /// - Throws: ``MTLSError``.
    @concurrent
    public static func execute(
        _ url: String, _ request: HTTPRequest, body: RequestBody = .none, timeouts: Timeouts? = nil
    ) async throws -> Response {
        try await (agent ?? defaultAgent).execute(url, request, body: body, timeouts: timeouts)
    }
}

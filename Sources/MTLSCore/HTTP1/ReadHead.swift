package import HTTPTypes

/// The head of a response as it was read, with what follows from it: worked out once, and shared by all who hold it.
package final class ReadHead: Sendable {
    package let response: HTTPResponse
    package let version: HTTP1Version
    /// What tells where the body ends.
    package let framing: ResponseBodyFraming
    /// The status code. (HTTPTypes keeps it as text.)
    package let code: Int
    /// What it says of the connection.
    package let offer: KeepAlivePolicy.Offer

    package init(_ response: HTTPResponse, version: HTTP1Version, framing: ResponseBodyFraming) {
        self.response = response
        self.version = version
        self.framing = framing
        code = response.status.code
        offer = KeepAlivePolicy.Offer(response.headerFields, version: version)
    }

    /// Whether the status is one of success (2xx).
    package var isSuccessful: Bool { 200..<300 ~= code }
}

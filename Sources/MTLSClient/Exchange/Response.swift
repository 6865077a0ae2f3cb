public import GnuTLSNIO
public import HTTPTypes

/// The answer to a request. Its head is here; its body may still be on the way.
public struct Response: Sendable {
    /// Status and fields.
    public let head: HTTPResponse
    /// The body, to be read once.
    public let body: ResponseBody
    /// What is known of the connection that it came over.
    public let connection: ConnectionInfo

    /// The URLs that redirects led to, in order; empty when none was followed.
    public internal(set) var redirects: [String] = []

    /// The connection, where the server switched to another protocol.
    let upgraded: UpgradedConnection?

    init(head: HTTPResponse, body: ResponseBody, connection: ConnectionInfo, upgraded: UpgradedConnection? = nil) {
        self.head = head
        self.body = body
        self.connection = connection
        self.upgraded = upgraded
    }

    /// The status.
    public var status: HTTPResponse.Status { head.status }
    /// The header fields.
    public var headerFields: HTTPFields { head.headerFields }

    /// A connection, as a response tells of it.
    public struct ConnectionInfo: Sendable {
        /// A number that no other connection of the client has.
        public let id: Int
        /// How many requests the connection has served, this one included: above one, it was reused.
        public let requestCount: Int
        /// The version of HTTP, such as `HTTP/1.1`.
        public let version: String
        let sharedHandshake: SharedHandshake?

        /// What came of the connection's TLS handshake; nil over plaintext.
        public var handshake: HandshakeSummary? { sharedHandshake?.summary }
    }
}

/// What came of a handshake, shared by all responses of its connection: it is long to copy.
final class SharedHandshake: Sendable {
    let summary: HandshakeSummary

    init(_ summary: HandshakeSummary) {
        self.summary = summary
    }
}

public import GnuTLS
public import HTTPTypes
public import MTLSClient

/// A request, as an ``MTLSServer`` got it.
public struct ServerRequest: Sendable {
    /// The method.
    public let method: HTTPRequest.Method
    /// The path with its query.
    public let path: String
    /// The header fields.
    public let headerFields: HTTPFields
    /// The body.
    public let body: Bytes
    /// The client that sent it.
    public let client: ServerClient
    /// The connection's number, counted from one.
    public let connection: Int
    /// The request's number on its connection, counted from one.
    public let number: Int
}

/// A client, as an ``MTLSServer`` sees it after the handshake.
public struct ServerClient: Sendable {
    /// The certificate that it showed.
    public let certificate: Certificate?
    /// Whether that certificate was good.
    public let authorized: Bool
    /// Why not; nil when authorized or when no certificate was asked for.
    public let reason: String?
    /// The version of TLS.
    public let version: TLSVersion
    /// Whether the client resumed an earlier session, in which it had shown its certificate.
    public let isResumed: Bool
    /// The name that it asked for by SNI.
    public let serverName: String?
}

/// What an ``MTLSServer`` answers.
public struct ServerAnswer: Sendable {
    /// What becomes of the connection after the answer.
    public enum Ending: Sendable, Hashable {
        /// It stays.
        case keepAlive
        /// It is closed, with close_notify.
        case close
        /// It is closed without close_notify, as if it had been cut.
        case cut
        /// It is reset (RST).
        case reset
    }

    enum Content: Sendable {
        case response(HTTPResponse, Bytes)
        case raw([UInt8])
    }

    let content: Content
    let ending: Ending
    /// How long to wait first.
    public var delay: Duration = .zero

    /// A response; its length is stated in the head.
    public static func response(
        _ status: HTTPResponse.Status = .ok, headerFields: HTTPFields = [:], body: String = "",
        then ending: Ending = .keepAlive
    ) -> ServerAnswer {
        response(status, headerFields: headerFields, bytes: Array(body.utf8), then: ending)
    }

    /// A response with bytes for a body; its length is stated in the head.
    public static func response(
        _ status: HTTPResponse.Status = .ok, headerFields: HTTPFields = [:], bytes: [UInt8],
        then ending: Ending = .keepAlive
    ) -> ServerAnswer {
        ServerAnswer(
            content: .response(HTTPResponse(status: status, headerFields: headerFields), Bytes(bytes)), ending: ending)
    }

    /// Bytes as they are, whatever HTTP thinks of them.
    public static func raw(_ text: String, then ending: Ending) -> ServerAnswer {
        ServerAnswer(content: .raw(Array(text.utf8)), ending: ending)
    }

    /// No answer.
    public static func nothing(then ending: Ending) -> ServerAnswer {
        ServerAnswer(content: .raw([]), ending: ending)
    }
}

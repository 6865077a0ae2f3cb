package import HTTPTypes

/// How many bytes a request's body has.
package enum RequestBodyLength: Hashable, Sendable {
    /// There is no body.
    case empty
    /// So many, zero included.
    case known(Int)
    /// Nobody knows beforehand.
    case unknown
}

/// A request's head as HTTP/1.1 sends it.
package struct RequestHead: Hashable, Sendable {
    package let method: HTTPRequest.Method
    /// In origin-form, or `*` (RFC 9112 §3.2).
    package let target: String
    /// The authority that Host names.
    package let host: String
    /// The user's, of which those that are told here are not sent.
    package let given: HTTPFields
    /// What Content-Length says, if it is sent.
    package let contentLength: Int?
    /// Whether the body is sent in chunks.
    package let isChunked: Bool
    /// Whether the body waits until the server asks for it (RFC 9110 §10.1.1).
    package let awaitsConsent: Bool

    /// The fields in the order of sending: Host, the user's, then what tells the body's end.
    package var fields: HTTPFields {
        var fields = HTTPFields()
        fields.reserveCapacity(given.count + 2)
        fields.append(HTTPField(name: .host, value: host))
        for field in given where !Self.isTold(field.name) { fields.append(field) }
        if let contentLength { fields.append(HTTPField(name: .contentLength, value: "\(contentLength)")) }
        if isChunked { fields.append(HTTPField(name: .transferEncoding, value: "chunked")) }
        return fields
    }

    /// Whether the other properties tell what a field of that name says.
    static func isTold(_ name: HTTPField.Name) -> Bool {
        switch name.canonicalName.utf8.count {
        case 4: name == .host
        case 14: name == .contentLength
        case 17: name == .transferEncoding
        default: false
        }
    }
}

/// Examines a request and completes its fields for HTTP/1.1 (RFC 9112 §3 and §6, RFC 9110 §8.6).
///
/// `HTTPTypes` takes care that methods and field names are tokens, and turns CR, LF and NUL in values and paths into
/// spaces. It does *not* refuse such a space in the path, other control characters in values made leniently, or fields
/// that contradict each other. The messages name the field and never quote a value, which may be a secret.
package enum FieldRules {
    /// Returns the head to send.
    ///
    /// - Parameter request: Its scheme and authority are left aside: they led to `origin`. A path that is `nil` is `/`.
    /// - Throws: The code `request.invalid`, or `url.invalid` for the path.
    package static func head(
        of request: HTTPRequest, at origin: Origin, body: RequestBodyLength, asTunnel: Bool = false
    ) throws(MTLSError) -> RequestHead {
        let (method, given) = (request.method, request.headerFields)
        let target = (method == .connect ? request.authority : request.path) ?? "/"
        try examine(method, body: body, asTunnel: asTunnel)
        try examine(target: target, method: method, origin: origin)
        // HTTPFields traps at 65536, servers refuse far fewer.
        if given.count > maximumFieldCount { throw invalid("it has more than \(maximumFieldCount) header fields") }
        for field in given { try examine(field) }

        let host = try host(given) ?? origin.authority
        let length = try contentLength(given, method: method, body: body)
        let isChunked = body == .unknown
        try examineTransferEncoding(given, isChunked: isChunked)
        return RequestHead(
            method: method, target: target, host: host, given: given, contentLength: length, isChunked: isChunked,
            awaitsConsent: try awaitsConsent(given, body))
    }

    /// The trailer fields to send.
    ///
    /// - Throws: The code `request.invalid`.
    package static func trailers(_ given: HTTPFields) throws(MTLSError) -> HTTPFields {
        for field in given {
            try examine(field)
            guard TrailerRules.permits(field.name) else {
                throw invalid("the field \(field.name) must not be in a trailer section")
            }
        }
        return given
    }

    /// RFC 9110 §10.1.1: without a body there is nothing to consent to.
    private static func awaitsConsent(_ given: HTTPFields, _ body: RequestBodyLength) throws(MTLSError) -> Bool {
        guard given.position(of: .expect) != nil, let expectation = given[.expect] else { return false }
        guard expectation.lowercased() == "100-continue" else {
            throw invalid("the field Expect says something else than 100-continue")
        }
        guard body != .empty, body != .known(0) else {
            throw invalid("it says Expect: 100-continue and has no body", advice: "leave the field out")
        }
        return true
    }

    private static let maximumFieldCount = 1000

    private static func examine(
        _ method: HTTPRequest.Method, body: RequestBodyLength, asTunnel: Bool
    ) throws(MTLSError) {
        if method == .connect {
            guard asTunnel else {
                throw invalid(
                    "CONNECT is not sent as a request",
                    advice: "use a connector that goes through the proxy, or Client.upgrade")
            }
            if body != .empty { throw invalid("a CONNECT request has no body") }
        }
        if method == .trace, body != .empty { throw invalid("a TRACE request has no body") }
    }

    private static func examine(target: String, method: HTTPRequest.Method, origin: Origin) throws(MTLSError) {
        if target == "*", method == .options { return }
        if method == .connect {
            guard let colon = target.lastIndex(of: ":"), target[target.index(after: colon)...].decimal != nil,
                target.utf8.allSatisfy({ (0x21...0x7E).contains($0) && !",/?#@\\".utf8.contains($0) })
            else { throw invalid("the authority of a CONNECT request is not a host with a port") }
            return
        }
        guard target.utf8.first == UInt8(ascii: "/") else { throw invalid("the path does not begin with a slash") }
        if let refusal = ParsedURL.refusal(ofTarget: target.utf8) {
            throw MTLSError(
                .urlInvalid, phase: .prepare, fault: .caller, "the path cannot be used: \(refusal.reason)",
                advice: refusal.advice, origin: origin.description)
        }
    }

    private static func examine(_ field: HTTPField) throws(MTLSError) {
        let isClean = field.withUnsafeBytesOfValue { bytes in
            bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == UInt8(ascii: "\t") }
        }
        if !isClean { throw invalid("the field \(field.name) holds a control character") }
    }

    /// The Host field that the user gave. RFC 9112 §3.2: exactly one may be sent.
    private static func host(_ given: HTTPFields) throws(MTLSError) -> String? {
        guard given.position(of: .host) != nil else { return nil }
        let hosts = given[values: .host]
        guard let host = hosts.first else { return nil }
        let isAuthority = host.utf8.allSatisfy { byte in
            (0x21...0x7E).contains(byte) && !",/?#@\\".utf8.contains(byte)
        }
        guard hosts.count == 1, isAuthority else { throw invalid("the field Host is not one host with its port") }
        return host
    }

    /// What Content-Length says, if it is sent.
    private static func contentLength(
        _ given: HTTPFields, method: HTTPRequest.Method, body: RequestBodyLength
    ) throws(MTLSError) -> Int? {
        let length: Int? =
            switch body {
            // RFC 9110 §8.6: methods that give a body a meaning say that there is none.
            case .empty: method == .post || method == .put || method == .patch ? 0 : nil
            case .known(let count): count
            case .unknown: nil
            }
        guard given.position(of: .contentLength) != nil, let text = given[.contentLength] else { return length }
        if body == .unknown {
            throw invalid(
                "the field Content-Length was given for a body of unknown length", advice: "give the body its length")
        }
        guard text[...].decimal == length ?? 0 else {
            throw invalid("the field Content-Length is not the body's length", advice: "leave it out: it is computed")
        }
        return length ?? 0
    }

    private static func examineTransferEncoding(_ given: HTTPFields, isChunked: Bool) throws(MTLSError) {
        guard given.position(of: .transferEncoding) != nil, let codings = given[.transferEncoding] else { return }
        guard isChunked, codings.lowercased() == "chunked" else {
            throw invalid(
                "the field Transfer-Encoding does not fit the body", advice: "leave it out: it is set when needed")
        }
    }

    private static func invalid(_ reason: String, advice: String? = nil) -> MTLSError {
        MTLSError(
            .requestInvalid, phase: .prepare, fault: .caller, "the request cannot be sent: \(reason)", advice: advice)
    }
}

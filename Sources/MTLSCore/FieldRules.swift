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
    /// Whether it says `Connection: close`.
    package let asksToClose: Bool
    /// How many bytes the user's fields take that are sent.
    let givenByteCount: Int
    /// Whether some of them are not sent.
    let withholdsGiven: Bool

    /// The fields in the order of sending: Host, the user's, then what tells the body's end.
    package var fields: HTTPFields {
        var fields = HTTPFields()
        fields.reserveCapacity(given.count + 2)
        fields.append(HTTPField(name: .host, value: host))
        for field in given where !Self.isTold(.init(field.name)) { fields.append(field) }
        if let contentLength { fields.append(HTTPField(name: .contentLength, value: "\(contentLength)")) }
        if isChunked { fields.append(HTTPField(name: .transferEncoding, value: "chunked")) }
        return fields
    }

    /// Whether the other properties tell what a field says.
    static func isTold(_ meaning: RequestFieldMeaning?) -> Bool {
        switch meaning {
        case .host, .contentLength, .transferEncoding: true
        case .expect, .connection, nil: false
        }
    }
}

/// The fields of a request that the client has to understand.
enum RequestFieldMeaning: UInt8 {
    case host, contentLength, transferEncoding, expect, connection

    init?(_ name: HTTPField.Name) {
        // The lengths spare most fields the comparison.
        switch name.canonicalName.utf8.count {
        case 4 where name == .host: self = .host
        case 6 where name == .expect: self = .expect
        case 10 where name == .connection: self = .connection
        case 14 where name == .contentLength: self = .contentLength
        case 17 where name == .transferEncoding: self = .transferEncoding
        default: return nil
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
        let survey = try survey(given)

        let host = survey.has(.host) ? try host(given) : nil
        let length = computedLength(method, body)
        if survey.has(.contentLength) { try examineContentLength(given, length, body) }
        if survey.has(.transferEncoding) { try examineTransferEncoding(given, isChunked: body == .unknown) }
        return RequestHead(
            method: method, target: target, host: host ?? origin.authority, given: given,
            contentLength: survey.has(.contentLength) ? length ?? 0 : length, isChunked: body == .unknown,
            awaitsConsent: survey.has(.expect) ? try awaitsConsent(given, body) : false,
            asksToClose: survey.has(.connection) && given.list(.connection, contains: "close"),
            givenByteCount: survey.byteCount,
            withholdsGiven: survey.has(.host) || survey.has(.contentLength) || survey.has(.transferEncoding))
    }

    /// What one look at each of a request's fields tells.
    private struct Survey {
        /// Of the lines that are sent as they were given.
        var byteCount = 0
        private var meanings: UInt8 = 0

        func has(_ meaning: RequestFieldMeaning) -> Bool { meanings & (1 << meaning.rawValue) != 0 }

        mutating func note(_ name: HTTPField.Name, valueLength: Int) {
            let meaning = RequestFieldMeaning(name)
            if let meaning { meanings |= 1 << meaning.rawValue }
            if !RequestHead.isTold(meaning) { byteCount += name.rawName.utf8.count + valueLength + 4 }
        }
    }

    private static func survey(_ given: HTTPFields) throws(MTLSError) -> Survey {
        var survey = Survey()
        for field in given { survey.note(field.name, valueLength: try examine(field)) }
        return survey
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
        guard let expectation = given[.expect] else { return false }
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

    /// - Returns: How long the value is.
    @discardableResult
    private static func examine(_ field: HTTPField) throws(MTLSError) -> Int {
        let length = field.withUnsafeBytesOfValue { bytes in
            bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == UInt8(ascii: "\t") } ? bytes.count : nil
        }
        guard let length else { throw invalid("the field \(field.name) holds a control character") }
        return length
    }

    /// The Host field that the user gave. RFC 9112 §3.2: exactly one may be sent.
    private static func host(_ given: HTTPFields) throws(MTLSError) -> String? {
        let hosts = given[values: .host]
        guard let host = hosts.first else { return nil }
        let isAuthority = host.utf8.allSatisfy { byte in
            (0x21...0x7E).contains(byte) && !",/?#@\\".utf8.contains(byte)
        }
        guard hosts.count == 1, isAuthority else { throw invalid("the field Host is not one host with its port") }
        return host
    }

    /// What Content-Length says where the user leaves it to us, if it is sent then.
    private static func computedLength(_ method: HTTPRequest.Method, _ body: RequestBodyLength) -> Int? {
        switch body {
        // RFC 9110 §8.6: methods that give a body a meaning say that there is none.
        case .empty: method == .post || method == .put || method == .patch ? 0 : nil
        case .known(let count): count
        case .unknown: nil
        }
    }

    private static func examineContentLength(
        _ given: HTTPFields, _ length: Int?, _ body: RequestBodyLength
    ) throws(MTLSError) {
        if body == .unknown {
            throw invalid(
                "the field Content-Length was given for a body of unknown length", advice: "give the body its length")
        }
        guard let text = given[.contentLength], text[...].decimal == length ?? 0 else {
            throw invalid("the field Content-Length is not the body's length", advice: "leave it out: it is computed")
        }
    }

    private static func examineTransferEncoding(_ given: HTTPFields, isChunked: Bool) throws(MTLSError) {
        guard isChunked, given[.transferEncoding]?.lowercased() == "chunked" else {
            throw invalid(
                "the field Transfer-Encoding does not fit the body", advice: "leave it out: it is set when needed")
        }
    }

    private static func invalid(_ reason: String, advice: String? = nil) -> MTLSError {
        MTLSError(
            .requestInvalid, phase: .prepare, fault: .caller, "the request cannot be sent: \(reason)", advice: advice)
    }
}

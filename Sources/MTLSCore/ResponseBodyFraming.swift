package import HTTPTypes

/// What tells where a response's body ends (RFC 9112 §6.3). Framing that two programs could read differently is refused:
/// it is how responses are smuggled.
package enum ResponseBodyFraming: Hashable, Sendable {
    /// There is no body.
    case empty
    /// The body has this many bytes.
    case length(Int)
    /// The body is a sequence of chunks.
    case chunked
    /// The body ends with the connection.
    case untilClose

    /// - Throws: The code `response.malformed`: both lengths and chunks, lengths that differ or are none, transfer
    ///   codings other than `chunked`, or chunks in HTTP/1.0.
    package init(
        _ response: HTTPResponse, to method: HTTPRequest.Method, version: HTTP1Version
    ) throws(MTLSError) {
        if method == .connect, response.status.kind == .successful {
            // Lengths are to be ignored: what follows belongs to the tunnel.
            self = .empty
            return
        }
        let fields = response.headerFields
        let length = try Self.length(fields)
        let codings = fields.position(of: .transferEncoding) == nil ? nil : fields[.transferEncoding]
        if let codings {
            // RFC 9112 §6.1: a recipient that finds both "ought to handle it as an error".
            if length != nil { throw Self.malformed("it has both a Content-Length and a Transfer-Encoding") }
            if version == .http10 { throw Self.malformed("it has a Transfer-Encoding in HTTP/1.0") }
            guard codings.lowercased() == "chunked" else {
                throw Self.malformed("its Transfer-Encoding “\(codings)” was not asked for")
            }
        }
        let code = response.status.code
        if method == .head || code < 200 || code == 204 || code == 304 {
            self = .empty
        } else if codings != nil {
            self = .chunked
        } else if let length {
            self = length == 0 ? .empty : .length(length)
        } else {
            self = .untilClose
        }
    }

    /// The Content-Length. RFC 9110 §8.6 lets a list of equal numbers pass.
    private static func length(_ fields: HTTPFields) throws(MTLSError) -> Int? {
        guard let position = fields.position(of: .contentLength) else { return nil }
        if fields.position(of: .contentLength, from: position + 1) == nil,
            let length = fields[position].withUnsafeBytesOfValue({ ASCII.decimal(UnsafeRawBufferPointer($0)) })
        {
            return length
        }
        guard let text = fields[.contentLength] else { return nil }
        let members = text.split(separator: ",", omittingEmptySubsequences: false).map(\.trimmed)
        guard let first = members.first, members.allSatisfy({ $0 == first }), let length = first.decimal,
            length < .max
        else { throw malformed("its Content-Length is “\(text)”") }
        return length
    }

    private static func malformed(_ reason: String) -> MTLSError {
        MTLSError(
            .responseMalformed, phase: .response, fault: .peer, "the end of the response cannot be told: \(reason)")
    }
}

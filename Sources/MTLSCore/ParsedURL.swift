/// An absolute http or https URL (RFC 3986, RFC 9110 §4.2), taken apart for a request.
///
/// Strict where two programs could read a URL differently: no spaces, control characters, backslashes or Unicode, no
/// credentials, no odd IPv4 addresses. Nothing is decoded, normalised or encoded but the host's case. `[`, `]` and `|`
/// are let through in paths and queries, since many APIs use them so.
package struct ParsedURL: Hashable, Sendable {
    /// Whom to ask.
    package let origin: Origin
    /// What to ask for, in origin-form (RFC 9112 §3.2.1): the path, `/` if the URL has none, and the query. The
    /// fragment is left out: it stays with the caller (RFC 9110 §4.2.5).
    package let target: String

    /// Parses an absolute URL.
    ///
    /// - Throws: The code `url.invalid`. The message quotes the URL without credentials and query.
    package init(_ text: String) throws(MTLSError) {
        do throws(Host.Refusal) {
            try self.init(parsing: text)
        } catch {
            throw MTLSError(
                .urlInvalid, phase: .prepare, fault: .caller,
                "the URL “\(Self.quotation(of: text))” cannot be used: \(error.reason)", advice: error.advice)
        }
    }

    /// Parses what may stand for a URL where an origin is given: a path that begins with one `/`, or an absolute URL,
    /// which may name another origin.
    package init(_ text: String, relativeTo origin: Origin) throws(MTLSError) {
        guard text.hasPrefix("/") else {
            try self.init(text)
            return
        }
        do throws(Host.Refusal) {
            // RFC 3986 §4.2 reads //host/path as another host; a path that begins so is nearly always an accident.
            if text.hasPrefix("//") {
                throw Host.Refusal(reason: "it begins with two slashes", advice: "begin the path with one slash")
            }
            self.init(origin: origin, target: try Self.target(text[...]))
        } catch {
            throw MTLSError(
                .urlInvalid, phase: .prepare, fault: .caller,
                "the path “\(Self.quotation(of: text))” cannot be used: \(error.reason)", advice: error.advice,
                origin: origin.description)
        }
    }

    private init(parsing text: String) throws(Host.Refusal) {
        guard let schemeEnd = text.firstRange(of: "://") else {
            throw Host.Refusal(reason: "it is not absolute", advice: "begin it with https://")
        }
        guard let scheme = Origin.Scheme(rawValue: text[..<schemeEnd.lowerBound].lowercased()) else {
            throw Host.Refusal(reason: "its scheme is neither https nor http")
        }
        let rest = text[schemeEnd.upperBound...]
        let isDelimiter = { (byte: UInt8) in "/?#".utf8.contains(byte) }
        let authorityEnd = rest.utf8.firstIndex(where: isDelimiter) ?? rest.endIndex
        let (host, port) = try Self.hostAndPort(rest[..<authorityEnd])
        self.init(
            origin: Origin(scheme: scheme, canonicalHost: host, port: port ?? scheme.defaultPort),
            target: try Self.target(rest[authorityEnd...]))
    }

    private init(origin: Origin, target: String) {
        self.origin = origin
        self.target = target
    }

    private static func hostAndPort(_ authority: Substring) throws(Host.Refusal) -> (host: String, port: Int?) {
        if authority.utf8.contains(UInt8(ascii: "@")) {
            throw Host.Refusal(
                reason: "it holds credentials", advice: "send an Authorization field in place of user@ in the URL")
        }
        let isBracketed = authority.hasPrefix("[")
        let host: Substring
        let rest: Substring
        if isBracketed {
            guard let end = authority.firstIndex(of: "]") else {
                throw Host.Refusal(reason: "the bracket round its IPv6 address is not closed")
            }
            host = authority[..<end].dropFirst()
            rest = authority[end...].dropFirst()
        } else {
            let end = authority.utf8.firstIndex(of: UInt8(ascii: ":")) ?? authority.endIndex
            host = authority[..<end]
            rest = authority[end...]
        }
        let canonical = try Host.canonical(host, isBracketed: isBracketed)
        // RFC 3986 §3.2.3 allows an empty port after the colon and means the default.
        if rest.isEmpty || rest == ":" { return (canonical, nil) }
        let digits = rest.dropFirst()
        guard rest.first == ":", digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let port = Int(digits), (1...65535).contains(port)
        else { throw Host.Refusal(reason: "its port is not within 1 to 65535") }
        return (canonical, port)
    }

    /// The origin-form of what follows the authority.
    private static func target(_ rest: Substring) throws(Host.Refusal) -> String {
        let target = rest[..<(rest.utf8.firstIndex(of: UInt8(ascii: "#")) ?? rest.endIndex)]
        if let refusal = refusal(ofTarget: target.utf8) { throw refusal }
        return target.utf8.first == UInt8(ascii: "/") ? String(target) : "/" + target
    }

    /// Why `target` may not stand on a request line, or `nil` if it may.
    static func refusal(ofTarget target: some Collection<UInt8>) -> Host.Refusal? {
        var hexDigitsDue = 0
        for byte in target {
            switch byte {
            case 0x80...:
                return Host.Refusal(reason: "it holds characters beyond ASCII", advice: "percent-encode them")
            case ...0x20, 0x7F:
                return Host.Refusal(reason: "it holds a space or control character", advice: "percent-encode it")
            case UInt8(ascii: "\""), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "\\"), UInt8(ascii: "^"),
                UInt8(ascii: "`"), UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "#"):
                let character = Character(Unicode.Scalar(byte))
                return Host.Refusal(reason: "it holds “\(character)”", advice: "percent-encode it")
            default:
                if hexDigitsDue > 0 {
                    guard Character(Unicode.Scalar(byte)).isHexDigit else { return badPercent }
                    hexDigitsDue -= 1
                } else if byte == UInt8(ascii: "%") {
                    hexDigitsDue = 2
                }
            }
        }
        return hexDigitsDue > 0 ? badPercent : nil
    }

    private static let badPercent = Host.Refusal(
        reason: "a percent sign is not followed by two hexadecimal digits", advice: "write %25 for a percent sign")

    /// The URL as an error may show it. Whatever could be a credential is left out: all before the last `@`, wherever
    /// that stands, since a password that was not encoded may hold slashes and question marks, and the query.
    private static func quotation(of text: String) -> String {
        var shown = text.unicodeScalars[...]  // not characters, or a combining accent could hide the @
        if let at = shown.lastIndex(of: "@") {
            let start = text.firstRange(of: "://")?.upperBound ?? text.startIndex
            shown = text.unicodeScalars[..<(start <= at ? start : text.startIndex)] + "…".unicodeScalars + shown[at...]
        }
        if let query = shown.firstIndex(of: "?") { shown = shown[..<query] + "?…".unicodeScalars }
        return String(shown.prefix(200)) + (shown.count > 200 ? "…" : "")
    }
}

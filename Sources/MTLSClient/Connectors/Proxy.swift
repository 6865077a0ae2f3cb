public import MTLSCore
public import MTLSIdentity
import SecretMemory

/// Which proxy to go through.
public struct Proxy: Sendable {
    /// How a proxy is spoken to. The raw value is the scheme of its URL.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// HTTP: it is asked for a tunnel by CONNECT.
        case http
        /// Likewise, over TLS.
        case https
        /// SOCKS5; the names of hosts are resolved here.
        case socks5
        /// SOCKS5; the names of hosts are resolved by the proxy.
        case socks5h
    }

    /// A user and a password.
    public struct Credentials: Sendable {
        let user: String
        let password: SecretSource

        /// Names a user.
        ///
        /// - Parameters:
        ///   - user: Without a colon, for HTTP proxies; at most 255 bytes, for SOCKS5.
        ///   - password: Asked for each new connection; a person is asked once.
        public init(user: String, password: SecretSource) {
            self.user = user
            self.password = password
        }
    }

    /// How it is spoken to.
    public let kind: Kind
    /// Where it is.
    public let endpoint: Endpoint
    /// Who asks it; nil for nobody in particular.
    public var credentials: Credentials?

    /// Names a proxy.
    ///
    /// - Parameters:
    ///   - url: `http://host:port`, or with one of the other schemes of ``Kind``. Without a scheme: `http`. Without a
    ///     port: 1080, or 443 for `https`, as curl has it. A user and a password may stand before the host,
    ///     percent-encoded; a program does better to give them by a source of secrets.
    ///   - credentials: In place of those in the URL.
    /// - Throws: ``MTLSError`` with the code ``MTLSError/Code/urlInvalid``, which quotes no credentials.
    public init(_ url: String, credentials: Credentials? = nil) throws(MTLSError) {
        var rest = url[...]
        var kind = Kind.http
        if let end = rest.firstRange(of: "://") {
            guard let named = Kind(rawValue: rest[..<end.lowerBound].lowercased()) else {
                throw Self.invalid(url, "its scheme is none of http, https, socks5 and socks5h")
            }
            kind = named
            rest = rest[end.upperBound...]
        }
        var user: Substring?
        if let at = rest.utf8.lastIndex(of: UInt8(ascii: "@")) {
            user = rest[..<at]
            rest = rest[rest.utf8.index(after: at)...]
        }
        if rest.hasSuffix("/") { rest.removeLast() }
        let (host, port) = try Self.hostAndPort(rest, url)
        self.kind = kind
        endpoint = try Origin(host: host, port: port ?? (kind == .https ? 443 : 1080)).endpoint
        self.credentials = credentials
        if let user, credentials == nil { self.credentials = try Self.credentials(user, url) }
    }

    /// What one user's name and password are, `user:password`; nil where there is no password.
    private static func credentials(_ text: Substring, _ url: String) throws(MTLSError) -> Credentials {
        let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) ?? text.endIndex
        guard let user = decoded(text[..<colon]), var password = decoded(text[colon...].dropFirst()) else {
            throw invalid(url, "its user or password is not percent-encoded as it should be")
        }
        let secret = SecretBytes(wiping: &password)
        return Credentials(user: String(decoding: user, as: UTF8.self), password: .closure { _ in secret })
    }

    private static func hostAndPort(_ text: Substring, _ url: String) throws(MTLSError) -> (String, Int?) {
        var host = text
        var port: Int?
        let isBracketed = text.hasPrefix("[")
        if let colon = text.lastIndex(of: ":"), !isBracketed || text[..<colon].hasSuffix("]") {
            guard let number = Int(text[text.index(after: colon)...]), (1...65535).contains(number) else {
                throw invalid(url, "its port is not within 1 to 65535")
            }
            (host, port) = (text[..<colon], number)
        }
        if isBracketed {
            guard host.hasSuffix("]") else { throw invalid(url, "the bracket round its IPv6 address is not closed") }
            host = host.dropFirst().dropLast()
        }
        if host.contains(where: { "/?#".contains($0) }) { throw invalid(url, "it has a path") }
        guard !host.isEmpty, isBracketed == host.contains(":") else { throw invalid(url, "its host is malformed") }
        return (String(host), port)
    }

    private static func decoded(_ text: Substring) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit) else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        Character(Unicode.Scalar(byte)).hexDigitValue.map { UInt8($0) }
    }

    private static func invalid(_ url: String, _ reason: String) -> MTLSError {
        let shown = url.utf8.lastIndex(of: UInt8(ascii: "@")).map { "…\(url[$0...])" } ?? url
        return MTLSError(
            .urlInvalid, phase: .prepare, fault: .caller, "the proxy “\(shown.prefix(200))” cannot be used: \(reason)",
            advice: "write it as http://host:port")
    }
}

extension Proxy: CustomStringConvertible {
    /// `scheme://host:port`, without credentials.
    public var description: String { "\(kind.rawValue)://\(endpoint)" }
}

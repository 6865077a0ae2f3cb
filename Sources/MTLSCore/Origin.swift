/// Scheme, host and port of a server (RFC 6454, RFC 9110 §4.3.1): what a pool of connections belongs to.
public struct Origin: Hashable, Sendable {
    /// The schemes that can be asked.
    public enum Scheme: String, Hashable, Sendable {
        /// HTTP over TLS, on port 443 unless the URL says otherwise.
        case https
        /// HTTP in the clear, on port 80 unless the URL says otherwise.
        case http

        /// The port of URLs that name none.
        public var defaultPort: Int { self == .https ? 443 : 80 }
    }

    /// `https` or `http`.
    public let scheme: Scheme
    /// The host in lower case; an IPv6 address stands without brackets, in the form of RFC 5952.
    public let host: String
    /// The port, 1 to 65535.
    public let port: Int
    /// What the Host field says (RFC 9110 §7.2): the default port is left out.
    package let authority: String

    /// Names an origin.
    ///
    /// - Parameters:
    ///   - scheme: `https` or `http`.
    ///   - host: A host name in ASCII, an IPv4 address, or an IPv6 address without brackets.
    ///   - port: 1 to 65535; the scheme's default if `nil`.
    /// - Throws: ``MTLSError`` with the code `url.invalid` if host or port cannot be used.
    public init(scheme: Scheme = .https, host: String, port: Int? = nil) throws(MTLSError) {
        do throws(Host.Refusal) {
            let host = try Host.canonical(host[...], isBracketed: false)
            let port = port ?? scheme.defaultPort
            guard (1...65535).contains(port) else { throw Host.Refusal(reason: "its port is not within 1 to 65535") }
            self.init(scheme: scheme, canonicalHost: host, port: port)
        } catch {
            throw MTLSError(
                .urlInvalid, phase: .prepare, fault: .caller, "the origin of “\(host)” cannot be used: \(error.reason)",
                advice: error.advice)
        }
    }

    init(scheme: Scheme, canonicalHost: String, port: Int) {
        self.scheme = scheme
        self.host = canonicalHost
        self.port = port
        let host = host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host
        authority = port == scheme.defaultPort ? host : "\(host):\(port)"
    }

    /// Where a connector connects to.
    public var endpoint: Endpoint { Endpoint(host, port) }
}

extension Origin: CustomStringConvertible {
    /// `https://host:port`, always with the port.
    public var description: String { "\(scheme.rawValue)://\(endpoint)" }
}

/// A host and a port to connect to.
///
/// It is not examined: a connector may give the host a meaning of its own, such as a path.
public struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    /// A host name or address; IPv6 addresses stand without brackets.
    public let host: String
    /// The port.
    public let port: Int

    /// Names an endpoint.
    public init(_ host: String, _ port: Int) {
        self.host = host
        self.port = port
    }

    /// `host:port`, an IPv6 address in brackets.
    public var description: String {
        host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}

import Glibc
public import MTLSCore
public import MTLSIdentity

/// Which origins are asked through which proxy. Nothing is read from the environment unless that is asked for.
public struct ProxySettings: Sendable {
    /// The proxy for https origins; nil for none.
    public var https: Proxy?
    /// The proxy for http origins; nil for none.
    public var http: Proxy?
    private var bypass: ProxyBypass

    /// Names a proxy for all origins.
    ///
    /// - Parameters:
    ///   - proxy: nil for none.
    ///   - exceptions: The hosts that are asked without it, separated by commas: `example.com` with all below it,
    ///     addresses, networks (`10.0.0.0/8`, `fd00::/8`), each but networks perhaps with `:port`, or `*` for all.
    public init(_ proxy: Proxy? = nil, except exceptions: String = "") {
        https = proxy
        http = proxy
        bypass = ProxyBypass(exceptions)
    }

    /// The proxies that the environment names, as curl reads it: `https_proxy`, `HTTPS_PROXY` and, in lower case alone,
    /// since a web server could be made to set the other one, `http_proxy`; for what they leave open `all_proxy` and
    /// `ALL_PROXY`. `no_proxy` and `NO_PROXY` list the exceptions. A variable that is set and empty means none.
    ///
    /// - Throws: ``MTLSError`` with the code ``MTLSError/Code/urlInvalid``, which names the variable.
    public static func fromEnvironment() throws(MTLSError) -> ProxySettings {
        try ProxySettings(environment: { name in getenv(name).map { String(cString: $0) } })
    }

    /// - Parameter variable: The value of an environment variable.
    package init(environment variable: (String) -> String?) throws(MTLSError) {
        func proxy(_ names: String...) throws(MTLSError) -> Proxy? {
            for name in names {
                guard let value = variable(name) else { continue }
                if value.isEmpty { return nil }
                do {
                    return try Proxy(value)
                } catch {
                    throw MTLSError(
                        error.code, phase: error.phase, fault: error.fault,
                        "the environment variable \(name): \(error.message)", advice: error.advice)
                }
            }
            return nil
        }
        self.init(except: variable("no_proxy") ?? variable("NO_PROXY") ?? "")
        https = try proxy("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
        http = try proxy("http_proxy", "all_proxy", "ALL_PROXY")
    }

    /// The proxy for an origin; nil where it is asked without.
    public func proxy(for origin: Origin) -> Proxy? {
        guard !bypass.covers(origin.endpoint) else { return nil }
        return origin.scheme == .https ? https : http
    }

    /// The same proxies with other exceptions.
    public func except(_ exceptions: String) -> ProxySettings {
        var copy = self
        copy.bypass = ProxyBypass(exceptions)
        return copy
    }
}

/// Makes connections through the proxy that ``ProxySettings`` name for the origin, or without one.
///
/// ```swift
/// let agent = Agent(connector: TLSConnector(identity: identity, over: try ProxyConnector(.fromEnvironment())))
/// ```
public struct ProxyConnector: Connector {
    private let settings: ProxySettings
    private let https: (any Connector)?
    private let http: (any Connector)?
    private let direct: any Connector

    /// Makes a connector.
    ///
    /// - Parameters:
    ///   - settings: Which proxy for which origin.
    ///   - identity: Whom to present to `https` proxies; others are shown nothing.
    ///   - trust: Whom to trust to be an `https` proxy.
    ///   - tls: What to offer to `https` proxies.
    ///   - resolver: Finds the addresses of names for `socks5` proxies.
    ///   - direct: Makes the connections to proxies, beneath their TLS, and those without a proxy.
    /// - Throws: ``MTLSError`` for credentials that a proxy's protocol has no room for.
    public init(
        _ settings: ProxySettings, identity: Identity? = nil, trust: Trust = .system, tls: TLSSettings = TLSSettings(),
        resolver: any Resolver = SystemResolver(), over direct: any Connector = TCPConnector()
    ) throws(MTLSError) {
        func connector(_ proxy: Proxy?) throws(MTLSError) -> (any Connector)? {
            guard let proxy else { return nil }
            return switch proxy.kind {
            case .http: try HTTPProxyConnector(proxy, over: direct)
            case .https: try HTTPProxyConnector(proxy, identity: identity, trust: trust, tls: tls, over: direct)
            case .socks5, .socks5h: try SOCKS5Connector(proxy, resolver: resolver, over: direct)
            }
        }
        self.settings = settings
        self.direct = direct
        https = try connector(settings.https)
        http = try connector(settings.http)
    }

    /// Connects through the proxy of `context.origin`, if it has one.
    ///
    /// - Throws: What that connector throws.
    public func connect(to endpoint: Endpoint, context: ConnectContext) async throws -> Connection {
        let through =
            settings.proxy(for: context.origin) == nil ? nil : context.origin.scheme == .https ? https : http
        return try await (through ?? direct).connect(to: endpoint, context: context)
    }
}

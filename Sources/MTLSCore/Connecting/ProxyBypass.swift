/// The hosts that are asked without the proxy: what `NO_PROXY` says.
///
/// A list, separated by commas or blanks, of
/// - `*`: every host;
/// - `example.com` or `.example.com` or `*.example.com`: the host and all below it;
/// - `10.0.0.1`, `[::1]` or `::1`: that address;
/// - `10.0.0.0/8`, `fe80::/10`: the addresses of a network (CIDR). Names are not resolved for that;
/// - any of the first three with `:port`: only with that port. IPv6 addresses stand in brackets then.
///
/// What is none of these matches nothing.
package struct ProxyBypass: Sendable, Equatable {
    private enum Rule: Equatable {
        case all(port: Int?)
        /// The domain without a dot at its start, in lower case.
        case domain(String, port: Int?)
        case network(IPAddress, bits: Int, port: Int?)
    }

    private let rules: [Rule]

    package init(_ list: String) {
        rules = list.split { $0 == "," || $0.isWhitespace }.compactMap(Self.rule)
    }

    /// Whether `host` is asked without the proxy.
    package func covers(_ endpoint: Endpoint) -> Bool {
        guard !rules.isEmpty else { return false }
        let address = IPAddress(endpoint.host)?.unmapped
        var name = endpoint.host.lowercased()[...]
        if name.last == "." { name.removeLast() }
        return rules.contains { rule in
            switch rule {
            case .all(let port): port ?? endpoint.port == endpoint.port
            case .domain(let domain, let port):
                address == nil && port ?? endpoint.port == endpoint.port
                    && (name == domain || name.hasSuffix("." + domain))
            case .network(let network, let bits, let port):
                port ?? endpoint.port == endpoint.port && address?.isWithin(network, bits: bits) == true
            }
        }
    }

    private static func rule(_ text: Substring) -> Rule? {
        if let slash = text.firstIndex(of: "/") {
            guard let network = IPAddress(unbracketed(text[..<slash])),
                let bits = Int(text[text.index(after: slash)...]),
                (0...network.bytes.count * 8).contains(bits)
            else { return nil }
            return .network(network, bits: bits, port: nil)
        }
        var host = text
        var port: Int?
        if let colon = text.lastIndex(of: ":"),
            text.hasPrefix("[") ? text[..<colon].hasSuffix("]") : text.firstIndex(of: ":") == colon
        {
            host = text[..<colon]
            port = Int(text[text.index(after: colon)...])
            guard let port, (1...65535).contains(port) else { return nil }
        }
        if host == "*" { return .all(port: port) }
        if let address = IPAddress(unbracketed(host))?.unmapped {
            return .network(address, bits: address.bytes.count * 8, port: port)
        }
        if host.hasPrefix("*.") { host = host.dropFirst() }
        let domain = host.drop { $0 == "." }.lowercased()
        let name = domain.hasSuffix(".") ? String(domain.dropLast()) : domain
        return name.isEmpty || name.contains("*") ? nil : .domain(name, port: port)
    }

    private static func unbracketed(_ text: Substring) -> Substring {
        text.hasPrefix("[") && text.hasSuffix("]") ? text.dropFirst().dropLast() : text
    }
}

import GnuTLS
import MTLSCore

/// Rules by host name.
struct HostRules: IdentitySource, ObservableIdentity {
    private struct Pattern: Hashable {
        let host: String
        let port: Int?
    }

    private let rules: [Pattern: Identity]
    /// What can match no host. A rule that was mistyped must not pass for none.
    private let malformed: [String]
    /// What names a host that another one names, in another spelling.
    private let repeated: [String]

    init(_ rules: [String: Identity]) {
        malformed = rules.keys.filter { !Self.isWellFormed(Self.pattern($0)) }.sorted()
        repeated = Dictionary(grouping: rules.keys, by: Self.pattern).values.filter { $0.count > 1 }.joined().sorted()
        self.rules = Dictionary(rules.map { (Self.pattern($0.key), $0.value) }) { first, _ in first }
    }

    func candidates(for endpoint: Endpoint) async throws -> [ClientIdentity] {
        guard malformed.isEmpty else {
            throw MTLSError(
                .tlsOptionsInvalid, phase: .identity, fault: .caller,
                "these rules of Identity.perHost name no host: \(Self.list(malformed))",
                advice: "write api.example, *.example or an address, perhaps with :port")
        }
        guard repeated.isEmpty else {
            throw MTLSError(
                .tlsOptionsInvalid, phase: .identity, fault: .caller,
                "these rules of Identity.perHost name the same host: \(Self.list(repeated))",
                advice: "leave one of them")
        }
        return try await rule(for: endpoint)?.candidates(for: endpoint) ?? []
    }

    /// A host that has a rule is named, by whatever it was reached.
    func candidates(for endpoint: Endpoint, reachedBy: ReachedBy) async throws -> [ClientIdentity] {
        try await candidates(for: endpoint)
    }

    func reload() async throws {
        try await Identity.reload(rules.values)
    }

    func observe(_ body: @escaping @Sendable (IdentityNews) -> Void) -> [Observation] {
        rules.values.flatMap { $0.observe(body) }
    }

    var current: [ClientIdentity] { rules.values.flatMap(\.current) }

    private static func list(_ rules: [String]) -> String { rules.map { "\"\($0)\"" }.joined(separator: ", ") }

    /// A host or an address, or a host behind `*.`, with a port that exists.
    private static func isWellFormed(_ pattern: Pattern) -> Bool {
        guard (1...65535).contains(pattern.port ?? 443) else { return false }
        guard pattern.host.hasPrefix("*.") else { return ServerName(pattern.host) != nil }
        guard case .dns? = ServerName(String(pattern.host.dropFirst(2))) else { return false }
        return true
    }

    private func rule(for endpoint: Endpoint) -> Identity? {
        let host = Self.canonical(endpoint.host)
        var hosts = [host]
        if let dot = host.firstIndex(of: "."), case .dns = ServerName(host) { hosts.append("*" + host[dot...]) }
        for host in hosts {
            let exact = rules[Pattern(host: host, port: endpoint.port)]
            if let rule = exact ?? rules[Pattern(host: host, port: nil)] { return rule }
        }
        return nil
    }

    /// `host`, `host:port`, `[address]`, `[address]:port`, or an IPv6 address as it is.
    private static func pattern(_ text: String) -> Pattern {
        var host = text[...]
        var port: Int?
        if let colon = text.lastIndex(of: ":"), text.hasPrefix("[") || text.firstIndex(of: ":") == colon,
            let number = Int(text[text.index(after: colon)...])
        {
            (host, port) = (text[..<colon], number)
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        return Pattern(host: canonical(String(host)), port: port)
    }

    /// One spelling: lower case, and addresses by RFC 5952.
    private static func canonical(_ host: String) -> String {
        (try? Origin(host: host))?.host ?? host.lowercased()
    }
}

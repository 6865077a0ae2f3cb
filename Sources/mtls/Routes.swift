import MTLSClient

/// Where connections go instead of where the URL says: `--connect-to`, and the addresses of `--resolve`.
struct Routes: Sendable, Equatable {
    /// One `--connect-to HOST1:PORT1:HOST2:PORT2`; what is left empty matches anything, or stays as it is.
    private struct Detour: Equatable {
        let host: String?
        let port: Int?
        let newHost: String?
        let newPort: Int?
    }

    private var detours: [Detour] = []
    /// What `--resolve` says, by host and port; the host `*` stands for any.
    private(set) var addresses: [Endpoint: [IPAddress]] = [:]

    /// Whether every connection goes where the URL says.
    var isEmpty: Bool { detours.isEmpty && addresses.isEmpty }

    init(resolve: [String] = [], connectTo: [String] = []) throws(UsageError) {
        for text in resolve { try add(resolve: text) }
        for text in connectTo { try add(connectTo: text) }
    }

    /// The endpoint to connect to in place of `endpoint`, by `--connect-to`.
    func route(_ endpoint: Endpoint) -> Endpoint {
        guard
            let detour = detours.first(where: { detour in
                detour.host ?? endpoint.host == endpoint.host && detour.port ?? endpoint.port == endpoint.port
            })
        else { return endpoint }
        return Endpoint(detour.newHost ?? endpoint.host, detour.newPort ?? endpoint.port)
    }

    private mutating func add(resolve text: String) throws(UsageError) {
        let refusal = UsageError("--resolve takes HOST:PORT:ADDRESS[,ADDRESS]..., not '\(text)'")
        var rest = text[...]
        let isRemoval = rest.first == "-"
        if isRemoval || rest.first == "+" { rest.removeFirst() }
        guard let host = Self.host(&rest), !host.isEmpty, Self.colon(&rest),
            let port = Self.port(rest.prefix { $0 != ":" })
        else { throw refusal }
        let endpoint = Endpoint(host, port)
        rest = rest.drop { $0 != ":" }
        if isRemoval {
            addresses[endpoint] = nil
            return
        }
        guard Self.colon(&rest) else { throw refusal }
        let texts = rest.split(separator: ",", omittingEmptySubsequences: false)
        let found = texts.compactMap { text in
            IPAddress(text.hasPrefix("[") && text.hasSuffix("]") ? text.dropFirst().dropLast() : text)
        }
        guard found.count == texts.count else { throw refusal }
        addresses[endpoint] = found
    }

    private mutating func add(connectTo text: String) throws(UsageError) {
        let refusal = UsageError("--connect-to takes HOST1:PORT1:HOST2:PORT2, not '\(text)'")
        var rest = text[...]
        guard let host = Self.host(&rest), Self.colon(&rest) else { throw refusal }
        let port = rest.prefix { $0 != ":" }
        rest = rest[port.endIndex...]
        guard Self.colon(&rest), let newHost = Self.host(&rest) else { throw refusal }
        // The last colon may be left out with the port behind it.
        guard Self.colon(&rest) || rest.isEmpty else { throw refusal }
        guard port.isEmpty || Self.port(port) != nil, rest.isEmpty || Self.port(rest) != nil else { throw refusal }
        detours.append(
            Detour(
                host: host.isEmpty ? nil : host, port: Self.port(port), newHost: newHost.isEmpty ? nil : newHost,
                newPort: Self.port(rest)))
    }

    /// Takes a host off the start; an IPv6 address stands in brackets.
    private static func host(_ rest: inout Substring) -> String? {
        guard rest.first == "[" else {
            let host = rest.prefix { $0 != ":" }
            rest = rest[host.endIndex...]
            return host.lowercased()
        }
        guard let end = rest.firstIndex(of: "]") else { return nil }
        defer { rest = rest[rest.index(after: end)...] }
        return rest[..<end].dropFirst().lowercased()
    }

    private static func colon(_ rest: inout Substring) -> Bool {
        guard rest.first == ":" else { return false }
        rest.removeFirst()
        return true
    }

    private static func port(_ text: Substring) -> Int? {
        guard text.allSatisfy(\.isNumber), let port = Int(text), (1...65535).contains(port) else { return nil }
        return port
    }
}

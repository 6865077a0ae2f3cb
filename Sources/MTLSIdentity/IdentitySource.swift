public import MTLSCore

/// Where client identities come from.
public protocol IdentitySource: Sendable {
    /// The identities that may be shown to `endpoint`. None means an anonymous connection.
    ///
    /// Called before each handshake; what is costly should be kept. No PIN is to be asked for here: a key in a token is
    /// first touched when it signs.
    ///
    /// - Throws: What keeps an identity from being had. The connection is then not made.
    func candidates(for endpoint: Endpoint) async throws -> [ClientIdentity]
}

/// How a client identity is obtained: from files, from a token, or from a source of one's own.
public struct Identity: IdentitySource {
    private let source: any IdentitySource

    /// Wraps a source of one's own.
    public init(_ source: some IdentitySource) {
        self.source = source
    }

    /// The identities of the source behind.
    public func candidates(for endpoint: Endpoint) async throws -> [ClientIdentity] {
        try await source.candidates(for: endpoint)
    }

    /// A certificate chain and a key in PEM files, which may be one and the same.
    ///
    /// - Parameters:
    ///   - certificate: The file of the leaf and its issuers, in order.
    ///   - key: The file of the key: PKCS#8, PKCS#1 or SEC1; nil when it is in the certificate's file.
    ///   - passphrase: Where the passphrase of an encrypted key comes from.
    public static func pem(certificate: String, key: String? = nil, passphrase: SecretSource? = nil) -> Identity {
        Identity(
            PEMIdentity(
                certificate: .file(certificate), key: .file(key ?? certificate), passphrase: passphrase))
    }

    /// A certificate chain and a key in PEM, in memory.
    public static func pem(
        certificate: [UInt8], key: [UInt8], passphrase: SecretSource? = nil
    ) -> Identity {
        Identity(PEMIdentity(certificate: .bytes(certificate), key: .bytes(key), passphrase: passphrase))
    }

    /// A key in a PKCS#11 token, with its certificate.
    ///
    /// - Parameters:
    ///   - uri: The key's or the certificate's URI (RFC 7512). It must match exactly one.
    ///   - pin: Where the PIN comes from. Without it the URI's `pin-source` serves, if it has one.
    ///   - certificate: A file or a URI for the certificate, when it cannot be found in the token with the key.
    ///   - module: The PKCS#11 module's file, when neither the URI nor p11-kit's configuration names it.
    ///   - sessions: How many signatures the token is asked for at once, by the whole process: never more than it has
    ///     sessions for; nil for one where the token can be taken out of its slot, else eight.
    public static func token(
        _ uri: String, pin: SecretSource? = nil, certificate: String? = nil, module: String? = nil,
        sessions: Int? = nil
    ) -> Identity {
        Identity(TokenIdentity(key: uri, certificate: certificate, pin: pin, module: module, sessionLimit: sessions))
    }

    /// An identity for each host that a rule names, and none for others.
    ///
    /// - Parameter rules: By host: `api.example`, or `*.example` for any one label in its place, with or without a
    ///   `:port`. An exact host goes before a wildcard, a rule with a port before one without.
    public static func perHost(_ rules: [String: Identity]) -> Identity {
        Identity(HostRules(rules))
    }

    /// Whatever the closure answers for an endpoint, before each handshake.
    public static func resolving(
        _ body: @escaping @Sendable (Endpoint) async throws -> [ClientIdentity]
    ) -> Identity {
        Identity(ResolvingIdentity(body: body))
    }

    /// An identity that was loaded before.
    public static func loaded(_ identity: ClientIdentity) -> Identity {
        Identity(ResolvingIdentity { _ in [identity] })
    }
}

private struct ResolvingIdentity: IdentitySource {
    let body: @Sendable (Endpoint) async throws -> [ClientIdentity]

    func candidates(for endpoint: Endpoint) async throws -> [ClientIdentity] { try await body(endpoint) }
}

/// Rules by host name.
struct HostRules: IdentitySource {
    private let rules: [String: Identity]

    init(_ rules: [String: Identity]) {
        self.rules = Dictionary(rules.map { ($0.key.lowercased(), $0.value) }) { first, _ in first }
    }

    func candidates(for endpoint: Endpoint) async throws -> [ClientIdentity] {
        try await rule(for: endpoint)?.candidates(for: endpoint) ?? []
    }

    func rule(for endpoint: Endpoint) -> Identity? {
        let host = endpoint.host.lowercased()
        var patterns = [host]
        if let dot = host.firstIndex(of: ".") { patterns.append("*" + host[dot...]) }
        for pattern in patterns {
            if let rule = rules["\(pattern):\(endpoint.port)"] ?? rules[pattern] { return rule }
        }
        return nil
    }
}

public import MTLSCore
import PKCS11
import SecretMemory

/// Where client identities come from.
public protocol IdentitySource: Sendable {
    /// The identities that may be shown to `endpoint`. None means an anonymous connection.
    ///
    /// Called before each handshake; what is costly should be kept. No PIN is to be asked for here: a key in a token is
    /// first touched when it signs.
    ///
    /// - Throws: What keeps an identity from being had. The connection is then not made.
    func candidates(for endpoint: Endpoint) async throws -> [ClientIdentity]

    /// Likewise, for an origin that somebody named. A source without a rule for the host, which is what there is unless
    /// this is implemented, has none for an origin that only a redirect has named.
    func candidates(for endpoint: Endpoint, reachedBy: ReachedBy) async throws -> [ClientIdentity]

    /// Loads the identities anew, where they are loaded and kept: see ``Identity/reload()``.
    func reload() async throws
}

extension IdentitySource {
    /// None for what a redirect leads to, else what ``candidates(for:)`` answers.
    public func candidates(for endpoint: Endpoint, reachedBy: ReachedBy) async throws -> [ClientIdentity] {
        reachedBy == .caller ? try await candidates(for: endpoint) : []
    }

    /// Does nothing.
    public func reload() async throws {}
}

/// How a client identity is obtained: from files, from a token, or from a source of one's own.
public struct Identity: IdentitySource {
    let source: any IdentitySource

    /// Wraps a source of one's own.
    public init(_ source: some IdentitySource) {
        self.source = source
    }

    /// The identities of the source behind.
    public func candidates(for endpoint: Endpoint) async throws -> [ClientIdentity] {
        try await source.candidates(for: endpoint)
    }

    /// The identities of the source behind.
    public func candidates(for endpoint: Endpoint, reachedBy: ReachedBy) async throws -> [ClientIdentity] {
        try await source.candidates(for: endpoint, reachedBy: reachedBy)
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
    ///   - keepingPIN: How long the PIN is kept for the next login.
    ///   - allowingModulePath: Whether the URI may name a module by its path. A module runs in this process: allow it
    ///     only for URIs that come from where the program itself comes from.
    public static func token(
        _ uri: String, pin: SecretSource? = nil, certificate: String? = nil, module: String? = nil,
        sessions: Int? = nil, keepingPIN: PINRetention = .askEachLogin, allowingModulePath: Bool = false
    ) -> Identity {
        Identity(
            TokenIdentity.source(
                uri,
                TokenIdentityOptions(
                    certificate: certificate, pin: pin, module: module, sessions: sessions, retention: keepingPIN,
                    allowsModulePath: allowingModulePath)))
    }

    /// All the keys in a PKCS#11 token that have a certificate for clients, valid today. Which one is shown, the server's
    /// certificate request decides, as for ``anyOf(_:)``.
    ///
    /// - Parameters: As for ``token(_:pin:certificate:module:sessions:keepingPIN:allowingModulePath:)``; the URI may match
    ///   many.
    public static func anyInToken(
        _ uri: String, pin: SecretSource? = nil, module: String? = nil, sessions: Int? = nil,
        keepingPIN: PINRetention = .askEachLogin, allowingModulePath: Bool = false
    ) -> Identity {
        Identity(
            TokenIdentity.source(
                uri,
                TokenIdentityOptions(
                    pin: pin, module: module, sessions: sessions, retention: keepingPIN,
                    allowsModulePath: allowingModulePath, wantsAll: true)))
    }

    /// Says that the PIN that a token has refused is right now (it was changed at the token): the next login tries it
    /// again, also when few tries are left.
    ///
    /// - Throws: ``MTLSError`` when the token cannot be found.
    public static func trustPINAgain(forToken uri: String, module: String? = nil) async throws(MTLSError) {
        do throws(PKCS11Error) {
            try await TokenAccess.search(try PKCS11URI(uri), module: module).clearLatch()
        } catch {
            throw MTLSError.token(error, phase: .identity)
        }
    }

    /// An identity for each host that a rule names, and none for others.
    ///
    /// - Parameter rules: By host: `api.example`, or `*.example` for any one label in its place, with or without a
    ///   `:port`; IPv6 addresses with a port stand in brackets. An exact host goes before a wildcard, a rule with a port
    ///   before one without.
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

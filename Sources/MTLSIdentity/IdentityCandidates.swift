import MTLSCore

extension Identity {
    /// Several identities, of which the server's certificate request decides: by the issuers that it accepts, by the
    /// signature schemes, and by what the certificates are for and when they are valid.
    ///
    /// Of several certificates for the same subject and names with the same kind of key, by the same issuer, the one that
    /// is valid longest is shown. Otherwise, if more than one fits, the connection fails with
    /// ``MTLSError/Code/identityAmbiguous``, which lists them. It fails too when one of the identities cannot be had: who
    /// is shown must not depend on which token happens to be there.
    public static func anyOf(_ identities: [Identity]) -> Identity {
        Identity(IdentityCandidates(identities: identities))
    }
}

extension Identity {
    /// Reloads all of them, and then throws the first error.
    static func reload(_ identities: some Sequence<Identity>) async throws {
        var failure: (any Error)?
        for identity in identities {
            do { try await identity.reload() } catch { failure = failure ?? error }
        }
        if let failure { throw failure }
    }
}

private struct IdentityCandidates: IdentitySource, ObservableIdentity {
    let identities: [Identity]

    func candidates(for endpoint: Endpoint) async throws -> [ClientIdentity] {
        try await candidates(for: endpoint, reachedBy: .caller)
    }

    func candidates(for endpoint: Endpoint, reachedBy: ReachedBy) async throws -> [ClientIdentity] {
        var found: [ClientIdentity] = []
        for identity in identities {
            for candidate in try await identity.candidates(for: endpoint, reachedBy: reachedBy)
            where !found.contains(where: { $0.chain.first == candidate.chain.first }) {
                found.append(candidate)
            }
        }
        return found
    }

    func reload() async throws {
        try await Identity.reload(identities)
    }

    func observe(_ body: @escaping @Sendable (IdentityNews) -> Void) -> [Observation] {
        identities.flatMap { $0.observe(body) }
    }

    var current: [ClientIdentity] { identities.flatMap(\.current) }
}

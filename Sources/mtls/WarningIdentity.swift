import MTLSClient

/// Tells of what is doubtful about an identity, once, on standard error.
struct WarningIdentity: IdentitySource {
    let inner: Identity
    let console: Console

    func candidates(for endpoint: Endpoint) async throws -> [ClientIdentity] {
        let candidates = try await inner.candidates(for: endpoint)
        for warning in candidates.flatMap({ $0.takeWarnings() }) { console.warn(warning) }
        return candidates
    }
}

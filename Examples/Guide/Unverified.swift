import MTLSClient

/// Asks a server that the system does not trust, first as one should, then without any verification.
func unverified(_ url: String) async throws {
    do {
        try await withClient(url) { client in _ = try await client.get("/") }
    } catch let error as MTLSError {
        // Nothing was signed, and no request was sent.
        print(error.code, error.phase)
    }

    // Whoever answered may be anybody: no identity is configured here, and nothing is sent that matters.
    try await withClient(url, trust: .dangerouslyTrustAnything) { client in
        print(try await client.get("/").body.text(upTo: .mebibytes(1)))
    }
}

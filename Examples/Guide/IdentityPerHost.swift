import MTLSClient

/// Chooses the identity before each handshake, by whatever the program knows.
func identityPerHost(_ urls: [String]) async throws {
    let client = Identity.pem(certificate: "pki/client.pem", key: "pki/client-key.pem")
    let bob = Identity.pem(certificate: "pki/bob.pem", key: "pki/bob-key.pem")
    let identity = Identity.resolving { endpoint in
        switch endpoint.host {
        case "localhost": try await client.candidates(for: endpoint)
        case "127.0.0.1": try await bob.candidates(for: endpoint)
        default: []
        }
    }
    let agent = Agent(identity: identity, trust: .pem("pki/ca.pem"))
    for url in urls {
        print(try await agent.get(url).body.text(upTo: .mebibytes(1)))
    }
    await agent.shutdown()
}

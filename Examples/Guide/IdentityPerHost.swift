import MTLSClient

/// Looks up the identity for each handshake, here in files named after the users.
func identityPerHost(_ urls: [String]) async throws {
    let users = ["localhost": "client", "127.0.0.1": "bob"]
    let identity = Identity.resolving { endpoint in
        guard let user = users[endpoint.host] else { return [] }
        let files = Identity.pem(certificate: "pki/\(user).pem", key: "pki/\(user)-key.pem")
        return try await files.candidates(for: endpoint)
    }
    let agent = Agent(identity: identity, trust: .pem("pki/ca.pem"))
    for url in urls {
        print(try await agent.get(url).body.text(upTo: .mebibytes(1)))
    }
    await agent.shutdown()
}

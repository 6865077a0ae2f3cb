import MTLSClient

/// Trusts an authority of one's own besides the system's: verification stays on, in development as in production.
func developmentAuthority(_ url: String) async throws {
    let trust = Trust.systemAnd(.pem("pki/ca.pem"))
    let identity = Identity.pem(certificate: "pki/client.pem", key: "pki/client-key.pem")
    let agent = Agent(identity: .perHost(["localhost": identity]), trust: trust)
    let response = try await agent.get(url)
    print(response.connection.handshake?.peerChain.first?.issuer ?? "")
    await agent.shutdown()
}

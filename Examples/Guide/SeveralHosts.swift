import MTLSClient

/// Shows each host the identity that a rule names for it, and none to the others.
func severalHosts(_ urls: [String]) async throws {
    let agent = Agent(
        identity: .perHost([
            "localhost": .pem(certificate: "pki/client.pem", key: "pki/client-key.pem"),
            "127.0.0.1": .pkcs12("pki/alice.p12", passphrase: .file("alice.pass")),
            "*.bank.example": .token("pkcs11:token=bank;object=client", pin: .prompt),
        ]),
        trust: .pem("pki/ca.pem"))
    for url in urls {
        let response = try await agent.get(url)
        print(response.status, try await response.body.text(upTo: .mebibytes(1)))
    }
    await agent.shutdown()
}

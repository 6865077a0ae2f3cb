import MTLSClient

/// Delegates each connection to the connector of its host: everything may differ, from the certificate to the route.
struct ConnectorPerHost: Connector {
    let connectors: [String: TLSConnector]

    func connect(to endpoint: Endpoint, context: ConnectContext) async throws -> Connection {
        guard let connector = connectors[endpoint.host] else {
            throw MTLSError(
                .connectFailed, phase: .connect, fault: .caller, "no connector is configured for \(endpoint.host)")
        }
        return try await connector.connect(to: endpoint, context: context)
    }
}

/// Uses it.
func connectorPerHost(_ urls: [String]) async throws {
    let client = Identity.pem(certificate: "pki/client.pem", key: "pki/client-key.pem")
    let alice = Identity.pkcs12("pki/alice.p12", passphrase: .file("alice.pass"))
    let trust = Trust.pem("pki/ca.pem")
    let agent = Agent(
        connector: ConnectorPerHost(connectors: [
            "localhost": TLSConnector(identity: client, trust: trust),
            "127.0.0.1": TLSConnector(
                identity: alice, trust: trust, settings: TLSSettings(serverName: "localhost", resumption: .off)),
        ]))
    for url in urls {
        print(try await agent.get(url).body.text(upTo: .mebibytes(1)))
    }
    await agent.shutdown()
}

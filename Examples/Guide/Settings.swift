import MTLSClient

/// What can be set: the key's file, the versions, the server's name, the limits.
func settings(_ url: String) async throws {
    var settings = ClientSettings()
    settings.timeouts = Timeouts(connect: .seconds(5), handshake: .seconds(5), request: .seconds(60))
    settings.connectionLimit = 4

    let client = try Client(
        url,
        identity: .pem(certificate: "pki/client.pem", key: "pki/client-key.pem", keyFile: .refuse),
        trust: .pem("pki/ca.pem"),
        tls: TLSSettings(minimumVersion: .v1_3, serverName: "localhost"),
        settings: settings)
    let response = try await client.get("/")
    if let handshake = response.connection.handshake {
        print(handshake.version.rawValue, handshake.cipherSuite, handshake.clientCertificate?.subject ?? "nobody")
    }
    await client.shutdown()
}

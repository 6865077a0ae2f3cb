import MTLSClient

/// Shows a certificate to the server, and trusts the servers of one authority.
func clientCertificate(_ url: String) async throws {
    let client = try Client(
        url,
        identity: .pem(certificate: "pki/client.pem", key: "pki/client-key.pem"),
        trust: .pem("pki/ca.pem"))
    let response = try await client.get("/")
    print(response.status, try await response.body.text(upTo: .mebibytes(1)))
    await client.shutdown()
}

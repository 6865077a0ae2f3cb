import MTLSTestKit

/// Makes an authority, a server and clients, a good and a bad one. Nothing is on disk, and no date comes near.
func testing() async throws {
    let authority = try CertificateAuthority(commonName: "Test Root")
    let server = try await MTLSServer(
        identity: authority.issue(.server(names: ["localhost", "127.0.0.1"])), clients: .required,
        trusting: [authority.root]
    ) { request in
        .response(body: request.client.certificate?.subject ?? "nobody")
    }
    let trust = Trust.certificates([authority.root])

    let alice = try authority.issueClient(commonName: "alice").clientIdentity()
    try await withClient(server.url, identity: alice, trust: trust) { client in
        print(try await client.get("/").body.text(upTo: .kibibytes(1)))
    }

    let stranger = try CertificateAuthority(commonName: "Stranger")
    let mallory = try stranger.issueClient(commonName: "mallory").clientIdentity()
    do {
        try await withClient(server.url, identity: mallory, trust: trust) { client in _ = try await client.get("/") }
    } catch let error as MTLSError {
        print(error.code)
    }
    await server.shutdown()
}

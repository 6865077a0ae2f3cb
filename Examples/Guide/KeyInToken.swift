import MTLSClient

/// Has a key sign that is in a PKCS#11 token, and stays there. Both requests together cost one signature.
func keyInToken(_ url: String) async throws {
    let client = try Client(
        url,
        identity: .token("pkcs11:token=dev;object=client?module-name=softhsm2", pin: .file("token.pin")),
        trust: .pem("pki/ca.pem"))
    for _ in 1...2 {
        let response = try await client.get("/")
        print(try await response.body.text(upTo: .mebibytes(1)), response.connection.requestCount)
    }
    await client.shutdown()
}

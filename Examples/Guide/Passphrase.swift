import MTLSClient

/// Reads an encrypted key, and PKCS#12. The passphrase is asked for when the key is first wanted, and then forgotten.
func passphrase(_ url: String) async throws {
    let encryptedKey = Identity.pem(
        certificate: "pki/alice.pem", key: "pki/alice-key.pem", passphrase: .file("alice.pass"))
    let pkcs12 = Identity.pkcs12("pki/alice.p12", passphrase: .file("alice.pass"))

    for identity in [encryptedKey, pkcs12] {
        try await withClient(url, identity: identity, trust: .pem("pki/ca.pem")) { client in
            print(try await client.get("/").body.text(upTo: .mebibytes(1)))
        }
    }
}

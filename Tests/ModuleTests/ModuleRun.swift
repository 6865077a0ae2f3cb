import DevPKI
import GnuTLS
import MTLSClient
import MTLSIdentity
import MTLSTestKit
import PKCS11
import SecretMemory
import Testing

/// Requests with each kind of key in one token, by way of one module, whichever that is.
struct ModuleRun {
    let name: String
    let module: String
    let uri: String
    let pin: SecretBytes
    let authority: CertificateAuthority
    private let token: Token

    /// - Parameters:
    ///   - name: What the table calls the module.
    ///   - module: Its path.
    ///   - uri: The token. Keys that it has under the name of a ``KeyCase`` are used, the others are made.
    init(_ name: String, module: String, uri: String, pin: SecretBytes, authority: CertificateAuthority) async throws {
        (self.name, self.module, self.uri, self.pin) = (name, module, uri, pin)
        self.authority = authority
        let uri = try PKCS11URI(uri)
        token = try await Token.search(
            uri, in: try await Token.searchLane.run { () throws(PKCS11Error) in try .load(path: module) })
    }

    func identity(_ object: String, certificate: String? = nil) -> Identity {
        .token("\(uri);object=\(object)", pin: .closure { [pin] _ in pin }, certificate: certificate, module: module)
    }

    /// The whole table of this module.
    func run() async throws {
        let table = Table(name)
        for key in KeyCase.all {
            do {
                try await provide(key)
            } catch let error as PKCS11Error {
                // A key that cannot be had is a gap only if the token itself says so.
                #expect(error.function == "C_GenerateKeyPair", "\(name), \(key.name): \(error)")
                table.add(key.name, nil, nil, "no such key can be made: \(error.message)")
                continue
            }
            let old = try await request(key, under: .v1_2)
            let new = try await request(key, under: .v1_3)
            table.add(key.name, old.signature, new.signature, [old.gap, new.gap].compactMap(\.self).first ?? "")
        }
        try table.write()
    }

    /// One request with one identity, on a connection of its own.
    func get(_ identity: Identity) async throws -> Response {
        let server = try await MTLSServer(
            identity: authority.issue(.server(names: ["127.0.0.1"])), clients: .required, trusting: [authority.root])
        defer { _ = server }
        return try await withClient(server.url, identity: identity, trust: .certificates([authority.root])) {
            try await $0.get()
        }
    }

    /// The identity of a key that ``provide(_:)`` sees to.
    func identity(_ key: KeyCase) async throws -> Identity {
        try await provide(key)
        return identity(key.name)
    }

    /// Sees to it that the token has the key and its certificate.
    private func provide(_ key: KeyCase) async throws {
        let (publicKey, id) = try await findOrMake(key)
        let certificate = try authority.issueClient(commonName: key.name, publicKey: publicKey)
        let provisioner = TokenProvisioner(token, pin: pin)
        try await BlockingWork.run {
            try provisioner.importCertificate(
                certificate.der, subjectDER: certificate.rawSubject, issuerDER: certificate.rawIssuer, label: key.name,
                id: id)
        }
    }

    /// Writes the certificate of a key to a file instead, and returns its path.
    func writeCertificate(_ key: KeyCase, to directory: String) async throws -> String {
        let certificate = try authority.issueClient(commonName: key.name, publicKey: try await findOrMake(key).0)
        let path = "\(directory)/\(key.name).pem"
        try writeFile(String(decoding: certificate.pemEncoded, as: UTF8.self), to: path)
        return path
    }

    private func findOrMake(_ key: KeyCase) async throws -> (PublicKey, id: [UInt8]) {
        let pins = KnownPIN(pin)
        var search = PKCS11URI()
        search.object = Array(key.name.utf8)
        let found = try await token.lane.run { [token, search] () throws(PKCS11Error) in
            try token.findPrivateKeys(search, pin: pins)
        }
        guard let found = found.first else {
            let provisioner = TokenProvisioner(token, pin: pin)
            let kind = try #require(key.tokenKind)
            let id = Array(key.name.utf8)
            let made = try await BlockingWork.run { try provisioner.generateKeyPair(kind, label: key.name, id: id) }
            return (try PublicKey(made), id)
        }
        let known = TokenKey(token, .uri(search), pin: pins)
        let info = try await token.lane.run { () throws(PKCS11Error) in try known.keyInfo() }
        let material = try #require(info.publicKey, "the token does not show the public half of \(key.name)")
        return (try PublicKey(material), found.id)
    }

    /// What keeps the token from signing in this way, asked of it without TLS; nil: nothing does.
    private func lack(_ key: KeyCase, _ mechanism: SigningMechanism) async throws -> String? {
        var search = PKCS11URI()
        search.object = Array(key.name.utf8)
        let signer = TokenKey(token, .uri(search), pin: KnownPIN(pin))
        do {
            return try await token.lane.run { [token] () throws(PKCS11Error) in
                guard try token.canSign(mechanism) else { return "the token does not list \(mechanism.name)" }
                _ = try signer.sign(mechanism, [UInt8](repeating: 1, count: SigningMechanism.Hash.sha256.length))
                return nil
            }
        } catch {
            return "\(mechanism.name): \(error.message)"
        }
    }

    /// One request on a connection of its own. It is answered and the server has seen the certificate. Or else the
    /// token cannot sign, without TLS either: then there is an error, and no server has seen a request.
    private func request(_ key: KeyCase, under version: TLSVersion) async throws -> (signature: Duration?, gap: String?)
    {
        let lack = try await lack(key, key.mechanism(under: version))
        var signature: Duration?
        // Where certificates are optional, a client that lost its own would get its answer as nobody.
        for clients in [MTLSServer.Clients.required, .requested] {
            let server = try await MTLSServer(
                identity: authority.issue(.server(names: ["127.0.0.1"])), clients: clients, trusting: [authority.root],
                versions: version...version)
            do {
                let response = try await withClient(
                    server.url, identity: identity(key.name), trust: .certificates([authority.root])
                ) { try await $0.get("/\(key.name)") }
                #expect(lack == nil, "\(name), \(key.name): signed nevertheless")
                #expect(response.status == .ok)
                #expect(response.connection.handshake?.version == version)
                #expect(server.requests.map(\.client.certificate?.subject) == ["CN=\(key.name)"])
                #expect(server.requests.allSatisfy { $0.client.authorized })
                signature = try #require(response.connection.handshake?.signatureDuration)
            } catch let error as MTLSError {
                #expect(lack != nil, "\(name), \(key.name), \(version): \(error)")
                #expect([.identityUnusable, .mechanismMissing, .tokenFailed].contains(error.code), "\(error)")
                #expect(server.requests.isEmpty)
            }
            await server.shutdown()
        }
        return (signature, lack)
    }
}

import CommandSupport
import DevPKI
import GnuTLS
import MTLSClient
import MTLSTestKit
import Testing

/// OpenSSL's `s_server`, which serves one connection after the other.
final class OpenSSLServer: Sendable {
    private static let shared = [TLSVersion.v1_2, .v1_3].map { version in
        Task { try await OpenSSLServer(version, listsIssuers: true, mode: "-www") }
    }

    /// One for all tests that want no other.
    static func running(_ version: TLSVersion) async throws -> OpenSSLServer {
        try await shared[version == .v1_2 ? 0 : 1].value
    }

    let authority: CertificateAuthority
    private let port: LoopbackPort
    private let process: ServerProcess

    /// - Parameters:
    ///   - version: The only one that it speaks.
    ///   - listsIssuers: Whether it trusts its authority, and names it in its requests for certificates.
    ///   - mode: How it answers, such as `-www`.
    ///   - schemes: The only signature schemes that it accepts of clients, as OpenSSL names them.
    ///   - tickets: How many tickets it gives after a full handshake of TLS 1.3. With none under TLS 1.2, it has a session
    ///     identifier instead.
    ///   - files: What it can serve, by name.
    init(
        _ version: TLSVersion, listsIssuers: Bool, mode: String, schemes: String? = nil, tickets: Int? = nil,
        files: [String: String] = [:]
    ) async throws {
        authority = try await Parties.ready().authority
        let directory = try TemporaryDirectory()
        let issued = try authority.issue(.server(names: ["127.0.0.1"])).write(to: directory.path, name: "server")
        let root = try authority.writeRoot(to: directory.path)
        for (name, text) in files { try directory.write(text, to: name) }
        port = try LoopbackPort()
        var arguments = [
            "s_server", "-accept", "127.0.0.1:\(port.number)", mode, version == .v1_2 ? "-tls1_2" : "-tls1_3",
        ]
        arguments += ["-cert", issued.certificate, "-key", issued.key, "-Verify", "1", "-verify_return_error"]
        arguments += listsIssuers ? ["-CAfile", root] : ["-no-CAfile", "-no-CApath", "-no-CAstore"]
        switch (version, tickets) {
        case (_, nil): break
        case (.v1_2, 0): arguments.append("-no_ticket")
        case (_, let tickets?): arguments += ["-num_tickets", "\(tickets)"]
        }
        if let schemes { arguments += ["-client_sigalgs", schemes] }
        process = try ServerProcess(Executable.path(of: "openssl"), arguments, in: directory)
        try await process.waitUntilListening(on: port)
    }

    var url: String { "https://127.0.0.1:\(port.number)" }

    func client(_ identity: IssuedIdentity?) throws -> Client {
        try Client(
            url, identity: identity.map { try $0.clientIdentity() },
            trust: .certificates([authority.root]))
    }
}

@Suite struct OpenSSLTests {
    @Test(arguments: IdentityCase.all)
    func anIdentityIsAccepted(_ one: IdentityCase) async throws {
        let server = try await OpenSSLServer.running(one.version)
        try await one.withIdentity { identity in
            let client = try Client(server.url, identity: identity, trust: .certificates([server.authority.root]))
            for _ in 1...2 {
                let response = try await client.get()
                #expect(response.status == .ok)
                let text = try await response.text()
                #expect(text.contains("Protocol  : \(one.version.openSSLName)"))
                #expect(text.replacing(" = ", with: "=").contains("Subject: CN=\(one.commonName)"))
            }
            await client.shutdown()
        }
    }

    @Test(arguments: [
        (KeyKind.rsa(bits: 2048), TLSVersion.v1_2, "RSA+SHA512"), (.rsa(bits: 2048), .v1_2, "rsa_pss_rsae_sha384"),
        (.rsa(bits: 2048), .v1_3, "rsa_pss_rsae_sha512"), (.ecdsaP256, .v1_2, "ECDSA+SHA512"),
        (.ecdsaP384, .v1_3, "ecdsa_secp384r1_sha384"), (.ed25519, .v1_2, "ed25519"),
    ])
    func aTokenSignsByTheSchemeThatIsAskedFor(kind: KeyKind, version: TLSVersion, scheme: String) async throws {
        let server = try await OpenSSLServer(version, listsIssuers: true, mode: "-www", schemes: scheme)
        let parties = try await Parties.ready()
        let client = try Client(server.url, identity: parties.tokenIdentity(kind), trust: parties.trust)
        #expect(try await client.get().text().contains("CN=token \(kind)"))
        await client.shutdown()
    }

    @Test func aFileWithoutALengthIsWhole() async throws {
        let server = try await OpenSSLServer(.v1_3, listsIssuers: true, mode: "-WWW", files: ["note": "plain text"])
        let client = try server.client(server.authority.issueClient(commonName: "alice"))
        let response = try await client.get("/note")
        #expect(response.connection.version == "HTTP/1.0")
        #expect(try await response.text() == "plain text")
        await client.shutdown()
    }

    @Test func aFileThatIsAResponseIsServed() async throws {
        let server = try await OpenSSLServer(
            .v1_2, listsIssuers: true, mode: "-HTTP",
            files: ["whole": "HTTP/1.0 201 Made\r\nContent-Length: 5\r\n\r\nhello"])
        let client = try server.client(server.authority.issueClient(commonName: "alice"))
        let response = try await client.get("/whole")
        #expect(response.status.code == 201)
        #expect(try await response.text() == "hello")
        await client.shutdown()
    }

    @Test(arguments: [TLSVersion.v1_2, .v1_3])
    func anUntrustedIdentityIsReportedAsRejected(version: TLSVersion) async throws {
        let server = try await OpenSSLServer(version, listsIssuers: false, mode: "-www")
        let client = try server.client(Parties.stranger())
        let error = try await failure { try await client.get() }
        #expect(error.code == .clientCertificateRejected)
        #expect(error.message.contains("CN=mallory"))
        #expect(error.message.contains("127.0.0.1"))
        await client.shutdown()
    }

    @Test(arguments: [TLSVersion.v1_2, .v1_3])
    func anExpiredIdentityIsReportedAsRejected(version: TLSVersion) async throws {
        let server = try await OpenSSLServer(version, listsIssuers: true, mode: "-www")
        // Its own dates are good, or it would not be shown.
        let late = try server.authority.intermediate(commonName: "Late", validity: .expired)
        let client = try server.client(late.issueClient(commonName: "late"))
        let error = try await failure { try await client.get() }
        #expect(error.code == .clientCertificateRejected)
        #expect(error.message.contains("CN=late"))
        #expect(error.message.contains("expired"))
        await client.shutdown()
    }

    @Test(arguments: [TLSVersion.v1_2, .v1_3])
    func aMissingIdentityIsReported(version: TLSVersion) async throws {
        let server = try await OpenSSLServer(version, listsIssuers: true, mode: "-www")
        let client = try server.client(nil)
        let error = try await failure { try await client.get() }
        #expect(error.code == .clientCertificateRequired)
        await client.shutdown()
    }
}

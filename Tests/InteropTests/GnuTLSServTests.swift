import CommandSupport
import DevPKI
import GnuTLS
import MTLSClient
import Testing

/// `gnutls-serv` as a web server.
final class GnuTLSServ: Sendable {
    private static let shared = Task { try await GnuTLSServ() }

    /// One for all tests.
    static func running() async throws -> GnuTLSServ { try await shared.value }

    let authority: CertificateAuthority
    private let port: LoopbackPort
    private let process: ServerProcess

    private init() async throws {
        authority = try await Parties.ready().authority
        let directory = try TemporaryDirectory()
        let issued = try authority.issue(.server(names: ["127.0.0.1"])).write(to: directory.path, name: "server")
        let root = try authority.writeRoot(to: directory.path)
        port = try LoopbackPort()
        process = try ServerProcess(
            Executable.path(of: "gnutls-serv"),
            [
                "--http", "--require-client-cert", "--verify-client-cert", "--port=\(port.number)",
                "--x509cafile=\(root)", "--x509certfile=\(issued.certificate)", "--x509keyfile=\(issued.key)",
            ], in: directory)
        try await process.waitUntilListening(on: port)
    }

    func client(_ identity: Identity?, _ version: TLSVersion) throws -> Client {
        try Client(
            "https://127.0.0.1:\(port.number)", identity: identity, trust: .certificates([authority.root]),
            tls: .only(version))
    }
}

@Suite struct GnuTLSServTests {
    @Test(arguments: IdentityCase.all)
    func anIdentityIsAccepted(_ one: IdentityCase) async throws {
        let server = try await GnuTLSServ.running()
        try await one.withIdentity { identity in
            let client = try server.client(identity, one.version)
            for _ in 1...2 {
                let response = try await client.get()
                #expect(response.status == .ok)
                let text = try await response.text()
                #expect(text.contains("Subject: CN=\(one.commonName)"))
                #expect(text.contains(one.version == .v1_2 ? "TLS1.2" : "TLS1.3"))
            }
            await client.shutdown()
        }
    }

    @Test(arguments: [TLSVersion.v1_2, .v1_3])
    func anUntrustedIdentityIsReportedAsRejected(version: TLSVersion) async throws {
        let server = try await GnuTLSServ.running()
        let client = try server.client(Parties.stranger().identity(), version)
        let error = try await failure { try await client.get() }
        #expect(error.code == .clientCertificateRejected)
        #expect(error.message.contains("CN=mallory"))
        await client.shutdown()
    }

    @Test(arguments: [TLSVersion.v1_2, .v1_3])
    func aMissingIdentityIsReported(version: TLSVersion) async throws {
        let server = try await GnuTLSServ.running()
        let client = try server.client(nil, version)
        let error = try await failure { try await client.get() }
        #expect(error.code == .clientCertificateRequired)
        await client.shutdown()
    }
}

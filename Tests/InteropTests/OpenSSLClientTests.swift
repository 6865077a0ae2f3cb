import CommandSupport
import DevPKI
import GnuTLS
import MTLSTestKit
import Testing

/// The test server, with clients that show what ours does not.
@Suite struct OpenSSLClientTests {
    /// What is wrong with the client's certificate.
    enum Fault: CaseIterable { case expired, notForClients }

    @Test(arguments: Fault.allCases, [TLSVersion.v1_2, .v1_3])
    func aBadClientCertificateIsRefused(fault: Fault, version: TLSVersion) async throws {
        let authority = try CertificateAuthority(commonName: "Test Root")
        let server = try await MTLSServer(
            identity: authority.issue(.server(names: ["127.0.0.1"])), clients: .required, trusting: [authority.root],
            versions: version...version)
        let directory = try TemporaryDirectory()
        let issued =
            switch fault {
            case .expired: try authority.issueClient(commonName: "late", validity: .expired)
            case .notForClients: try authority.issue(.server(names: ["x.example"]))
            }
        let files = try issued.write(to: directory.path, name: "client")
        let openssl = try #require(Executable.find("openssl"))
        var command = Command(
            openssl, "s_client", "-connect", "127.0.0.1:\(server.port)", "-cert", files.certificate, "-key", files.key)
        command.standardInput = Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8)
        _ = try await command.run()
        let error = try #require(await server.handshakeErrors(atLeast: 1).first)
        #expect(error.contains(fault == .expired ? "expired" : "purpose"), "\(error)")
        #expect(server.requests.isEmpty)
    }
}

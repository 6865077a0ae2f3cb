import CommandSupport
import DevPKI
import GnuTLS
import MTLSClient
import Testing

/// What else than anchors the command demands of servers.
@Suite struct CommandTrustTests {
    private func run(_ files: CommandFiles, _ options: [String]) async throws -> Command.Outcome {
        try await MTLSCommand.run(
            ["-sS", "--cert", files.client.certificate, "--key", files.client.key] + options + [files.nginx.url()])
    }

    private func serverCertificate(_ files: CommandFiles) async throws -> Certificate {
        try await withClient(
            files.nginx.url(), identity: .pem(certificate: files.client.certificate, key: files.client.key),
            trust: files.nginx.trust
        ) { client in
            try #require(try await client.get().connection.handshake?.peerChain.first)
        }
    }

    @Test func aDirectoryOfAnchorsIsTrusted() async throws {
        let files = try await CommandFiles()
        #expect(try await run(files, ["--capath", files.directory.path]).status == 0)
    }

    @Test func theRightPinIsPassedAndAnotherIs90() async throws {
        let files = try await CommandFiles()
        let pin = try await PublicKeyPin(sha256: serverCertificate(files).publicKey.keyID()).description
        let other = "sha256//" + String(repeating: "A", count: 43) + "="
        #expect(try await run(files, ["--cacert", files.root, "--pinnedpubkey", "\(other);\(pin)"]).status == 0)
        let refused = try await run(files, ["--cacert", files.root, "--pinnedpubkey", other])
        #expect(refused.status == 90)
        #expect(refused.errors.contains(pin))
    }

    @Test func aRevokedServerIs60() async throws {
        let files = try await CommandFiles()
        let list = try files.nginx.authority.revocationList(revoking: [try await serverCertificate(files)])
        let path = try files.directory.write(String(decoding: list, as: UTF8.self), to: "revoked.crl")
        #expect(try await run(files, ["--cacert", files.root, "--crlfile", path]).status == 60)
    }

    @Test func aServerWithoutAStapleIs91WhereOneIsDemanded() async throws {
        let files = try await CommandFiles()
        #expect(try await run(files, ["--cacert", files.root, "--cert-status"]).status == 91)
    }
}

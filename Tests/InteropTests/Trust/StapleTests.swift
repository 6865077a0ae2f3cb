import CommandSupport
import DevPKI
import GnuTLS
import MTLSClient
import Testing

/// OCSP responses that `openssl ocsp` makes, stapled by servers that are not ours.
@Suite struct StapleTests {
    enum Kind: CaseIterable, Sendable { case openSSL, gnuTLS }

    /// A server's files, with an OCSP response that says of its certificate what `state` says.
    private struct Files {
        let directory: TemporaryDirectory
        let authority: CertificateAuthority
        let server: IssuedIdentity.Files

        init(isRevoked: Bool) async throws {
            directory = try TemporaryDirectory()
            authority = try CertificateAuthority(commonName: "Staple Root")
            let identity = try authority.issue(.server(names: ["127.0.0.1"]))
            server = try identity.write(to: directory.path, name: "server")
            let root = try authority.writeRoot(to: directory.path)
            try directory.write(
                authority.privateKey.pemEncoded().withUnsafeBytes { Array($0) }, to: "ca-key.pem")
            let state = isRevoked ? "R\t491231235959Z\t250101000000Z,keyCompromise" : "V\t491231235959Z\t"
            let serial = identity.certificate.serialNumber.uppercased()
            try directory.write(Array("\(state)\t\(serial)\tunknown\t/CN=127.0.0.1\n".utf8), to: "index.txt")
            let outcome = try await Command(
                Executable.path(of: "openssl"),
                [
                    "ocsp", "-index", "\(directory.path)/index.txt", "-rsigner", root, "-rkey",
                    "\(directory.path)/ca-key.pem", "-CA", root, "-issuer", root, "-cert", server.certificate,
                    "-respout",
                    "\(directory.path)/response.der", "-ndays", "1", "-noverify",
                ]
            ).run()
            try #require(outcome.status == 0, "\(outcome.errors)")
        }
    }

    private func start(_ kind: Kind, _ files: Files, staples: Bool) async throws -> (ServerProcess, LoopbackPort) {
        let port = try LoopbackPort()
        let response = "\(files.directory.path)/response.der"
        let process: ServerProcess
        switch kind {
        case .openSSL:
            process = try ServerProcess(
                Executable.path(of: "openssl"),
                [
                    "s_server", "-accept", "127.0.0.1:\(port.number)", "-cert", files.server.certificate, "-key",
                    files.server.key, "-www",
                ] + (staples ? ["-status", "-status_file", response] : []), in: files.directory)
        case .gnuTLS:
            process = try ServerProcess(
                Executable.path(of: "gnutls-serv"),
                [
                    "--http", "--port=\(port.number)", "--x509certfile=\(files.server.certificate)",
                    "--x509keyfile=\(files.server.key)",
                ] + (staples ? ["--ocsp-response=\(response)", "--ignore-ocsp-response-errors"] : []),
                in: files.directory)
        }
        try await process.waitUntilListening(on: port)
        return (process, port)
    }

    private func outcome(
        _ kind: Kind, _ version: TLSVersion, isRevoked: Bool = false, staples: Bool = true, policy: OCSPPolicy
    ) async throws -> MTLSError.Code? {
        let files = try await Files(isRevoked: isRevoked)
        let (process, port) = try await start(kind, files, staples: staples)
        defer { withExtendedLifetime(process) {} }
        let trust = Trust.certificates([files.authority.root]).ocsp(policy)
        let client = try Client("https://127.0.0.1:\(port.number)", trust: trust, tls: .only(version))
        var code: MTLSError.Code?
        do {
            _ = try await client.get()
        } catch let error as MTLSError {
            code = error.code
        }
        await client.shutdown(graceful: false)
        return code
    }

    @Test(arguments: Kind.allCases, [TLSVersion.v1_2, .v1_3])
    func aGoodStapleIsAccepted(kind: Kind, version: TLSVersion) async throws {
        #expect(try await outcome(kind, version, policy: .required) == nil)
    }

    @Test(arguments: Kind.allCases, [TLSVersion.v1_2, .v1_3])
    func aStapleThatRevokesRefusesTheServer(kind: Kind, version: TLSVersion) async throws {
        #expect(try await outcome(kind, version, isRevoked: true, policy: .ifStapled) == .certificateRevoked)
    }

    @Test(arguments: Kind.allCases, [TLSVersion.v1_2, .v1_3])
    func aStapleThatIsDemandedHasToBeThere(kind: Kind, version: TLSVersion) async throws {
        #expect(try await outcome(kind, version, staples: false, policy: .required) == .stapleMissing)
        #expect(try await outcome(kind, version, staples: false, policy: .ifStapled) == nil)
    }
}

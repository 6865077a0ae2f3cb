import ChainCases
import CommandSupport
import DevPKI
import Foundation
import GnuTLS
import MTLSClient
import Testing

/// `mtls verify`.
@Suite struct VerifyCommandTests {
    private func options(_ files: ChainFiles) -> [String] {
        var options = ["verify", "--ca", files.path("ca.pem"), "--host", files.input.host]
        if !files.input.others.isEmpty { options += ["--chain", files.path("others.pem")] }
        if let time = files.time { options += ["--at", Self.timestamp(time)] }
        if let depth = files.input.depth { options += ["--depth", "\(depth)"] }
        if !files.input.lists.isEmpty { options += ["--crl", files.path("lists.pem")] }
        if files.input.revocation == .required { options.append("--crl-required") }
        if files.input.staple != nil { options += ["--ocsp", files.path("staple.der")] }
        if files.input.ocsp == .required { options.append("--ocsp-required") }
        return options + [files.path("leaf.pem")]
    }

    private static func timestamp(_ seconds: Int64) -> String {
        let text = Array(CivilDate.text(seconds))
        func part(_ start: Int, _ count: Int) -> String { String(text[start..<(start + count)]) }
        return "\(part(0, 4))-\(part(4, 2))-\(part(6, 2))T\(part(8, 2)):\(part(10, 2)):\(part(12, 2))Z"
    }

    /// Staples that nobody looks at are a policy of the library alone.
    private static var sample: [ChainCase] {
        ChainCase.all.enumerated().filter { $0.offset % 4 == 0 && !$0.element.description.contains("nobody looks") }
            .map(\.element)
    }

    @Test(arguments: sample)
    func theCommandSaysWhatTheLibrarySays(chain: ChainCase) async throws {
        let files = try ChainFiles(chain)
        let outcome = try await MTLSCommand.run(options(files))
        #expect(outcome.status == (chain.code == nil ? 0 : 60), "\(outcome.errors)")
        if let code = chain.code {
            #expect(outcome.output.isEmpty)
            #expect(outcome.errors.contains(code.rawValue), "\(outcome.errors)")
            #expect(outcome.errors.contains(files.input.host))
        } else {
            #expect(outcome.errors.isEmpty)
            #expect(outcome.output.hasPrefix("\""))
        }
    }

    @Test func theLeafsFileMayHoldTheChain() async throws {
        let root = try CertificateAuthority(commonName: "Root")
        let identity = try root.intermediate(commonName: "Middle").issue(.server(names: ["api.example"]))
        let directory = try TemporaryDirectory()
        try directory.write(identity.certificatePEM, to: "server.pem")
        let ca = try root.writeRoot(to: directory.path)
        let outcome = try await MTLSCommand.run(
            ["verify", "--ca", ca, "--host", "api.example", "\(directory.path)/server.pem"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.split(separator: "\n").count == 3)
        #expect(outcome.output.contains("CN=Middle"))
    }

    @Test func anEmptyFileIsNoStaple() async throws {
        let root = try CertificateAuthority(commonName: "Root")
        let directory = try TemporaryDirectory()
        try directory.write(try root.issue(.server(names: ["api.example"])).certificatePEM, to: "server.pem")
        let ca = try root.writeRoot(to: directory.path)
        let outcome = try await MTLSCommand.run(
            ["verify", "--ca", ca, "--host", "api.example", "--ocsp", "/dev/null", "\(directory.path)/server.pem"])
        #expect(outcome.status == 2)
        #expect(outcome.errors.contains("--ocsp"))
    }

    @Test func jsonTellsTheReason() async throws {
        let root = try CertificateAuthority(commonName: "Root")
        let directory = try TemporaryDirectory()
        let ca = try root.writeRoot(to: directory.path)
        try directory.write(
            try root.issue(.server(names: ["api.example"])).certificate.der, to: "server.der")
        let good = try await MTLSCommand.run(
            ["verify", "--json", "--ca", ca, "--host", "api.example", "\(directory.path)/server.der"])
        #expect(good.status == 0)
        let bad = try await MTLSCommand.run(
            ["verify", "--json", "--ca", ca, "--host", "other.example", "\(directory.path)/server.der"])
        #expect(bad.status == 60)
        let trusted = try #require(
            try JSONSerialization.jsonObject(with: Data(good.outputBytes)) as? [String: Any])
        #expect(trusted["trusted"] as? Bool == true)
        #expect((trusted["path"] as? [Any])?.count == 2)
        let refused = try #require(try JSONSerialization.jsonObject(with: Data(bad.outputBytes)) as? [String: Any])
        #expect(refused["trusted"] as? Bool == false)
        #expect(refused["code"] as? String == "tls.nameMismatch")
        #expect(refused["names"] as? [String] == ["api.example"])
    }

    @Test func aClientsCertificateNeedsNoName() async throws {
        let root = try CertificateAuthority(commonName: "Root")
        let directory = try TemporaryDirectory()
        let ca = try root.writeRoot(to: directory.path)
        let client = try root.issueClient(commonName: "alice").write(to: directory.path, name: "alice")
        let good = try await MTLSCommand.run(["verify", "--ca", ca, "--purpose", "client", client.certificate])
        #expect(good.status == 0, "\(good.errors)")
        let bad = try await MTLSCommand.run(["verify", "--ca", ca, "--host", "alice", client.certificate])
        #expect(bad.status == 60)
        #expect(bad.errors.contains("tls.purposeMismatch"))
    }

    @Test(
        arguments: [
            (["--host", "a b"], 2), ([], 2), (["--host", "a.example", "--at", "yesterday"], 2),
            (["--host", "a.example", "--depth", "-1"], 2),
            (["--host", "a.example", "--pinnedpubkey", "sha256//AAAA"], 2),
            (["--host", "a.example", "--ca", "/does/not/exist"], 77),
            (["--host", "a.example", "--crl", "/does/not/exist"], 77),
            (["--host", "a.example", "--chain", "/does/not/exist"], 26),
            (["--host", "a.example", "--chain", "/dev/zero"], 26),
        ] as [([String], Int32)])
    func whatCannotBeFollowedHasItsOwnExitCode(options: [String], status: Int32) async throws {
        let root = try CertificateAuthority(commonName: "Root")
        let directory = try TemporaryDirectory()
        let file = try root.writeRoot(to: directory.path)
        let ca = options.contains("--ca") ? [] : ["--ca", file]
        let outcome = try await MTLSCommand.run(["verify"] + ca + options + [file])
        #expect(outcome.status == status, "\(outcome.errors)")
        #expect(outcome.errors.hasPrefix("mtls: (\(status)) "))
    }
}

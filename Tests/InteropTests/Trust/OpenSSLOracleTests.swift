import ChainCases
import CommandSupport
import GnuTLS
import MTLSClient
import Testing

/// OpenSSL's verdicts on the same chains.
@Suite(.serialized) struct OpenSSLOracleTests {
    @Test(arguments: ChainCase.all.filter { $0.oracle != .cannotTell })
    func openSSLSaysTheSameOrDiffersAsIsKnown(chain: ChainCase) async throws {
        let files = try ChainFiles(chain)
        var arguments = [
            "verify", "-x509_strict", "-partial_chain", "-purpose", "sslserver", "-auth_level", "2", "-no-CApath",
            "-no-CAstore", "-CAfile", files.path("ca.pem"),
        ]
        if !files.input.others.isEmpty { arguments += ["-untrusted", files.path("others.pem")] }
        if let time = files.time { arguments += ["-attime", "\(time)"] }
        if let depth = files.input.depth { arguments += ["-verify_depth", "\(depth)"] }
        if !files.input.lists.isEmpty {
            arguments += [
                files.input.revocation == .required ? "-crl_check_all" : "-crl_check", "-CRLfile",
                files.path("lists.pem"),
            ]
            if files.input.revocation == .required { arguments.insert("-crl_check", at: 1) }
        }
        switch ServerName(files.input.host) {
        case .ip: arguments += ["-verify_ip", files.input.host]
        default: arguments += ["-verify_hostname", files.input.host]
        }
        let outcome = try await Command(Executable.path(of: "openssl"), arguments + [files.path("leaf.pem")]).run()
        let agrees = (outcome.status == 0) == (chain.code == nil)
        #expect(agrees == (chain.oracle == .agrees), "\(outcome.output)\(outcome.errors)")
    }
}

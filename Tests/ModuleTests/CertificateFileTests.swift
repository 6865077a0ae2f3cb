import MTLSClient
import MTLSTestKit
import Testing

/// A token that holds keys and no certificates.
@Suite(.enabled(if: Installed.tpm, "swtpm, tpm2-abrmd, tpm2-pkcs11 or its tools, or dbus-daemon is not installed"))
struct CertificateFileTests {
    @Test func aTPMsKeyServesWithItsCertificateInAFile() async {
        await #expect(processExitsWith: .success) {
            await reporting {
                let stage = try await TPMStage(keys: ["ecc256=P-256"])
                let run = try await stage.run()
                let file = try await run.writeCertificate(#require(KeyCase.named("P-256")), to: stage.directory)
                #expect(try await run.get(run.identity("P-256", certificate: file)).status == .ok)
                let error = await #expect(throws: MTLSError.self) { try await run.get(run.identity("P-256")) }
                #expect(error?.code == .tokenObjectNotFound)
                #expect(error?.advice?.contains("give the certificate's file") == true)
                try await stage.end()
            }
        }
    }
}

import DevPKI
import Glibc
import MTLSClient
import MTLSIdentity
import MTLSTestKit
import PKCS11
import SecretMemory
import Testing

/// The body of a test in a process of its own. An error is an issue there, where it would end the process without a
/// word otherwise; and a module that hangs ends it.
func reporting(_ body: () async throws -> Void) async {
    alarm(300)
    do { try await body() } catch { Issue.record(error) }
}

/// A SoftHSM token with a key of each kind, for modules that stand before SoftHSM's.
struct SoftHSMStage {
    let authority: CertificateAuthority
    let token: SoftHSMToken

    /// - Parameter keys: The names of the ``KeyCase``s to make.
    init(keys: [String] = KeyCase.all.map(\.name)) async throws {
        authority = try CertificateAuthority(commonName: "Test Root")
        token = try await SoftHSMToken()
        for key in KeyCase.all where keys.contains(key.name) {
            _ = try await token.generateKey(key.kind, label: key.name)
        }
    }

    func run(_ name: String, module: String) async throws -> ModuleRun {
        let request = SecretSource.Request(subject: "", name: "PIN")
        return try await ModuleRun(
            name, module: module, uri: token.uri, pin: #require(try await token.pin.read(request)), authority: authority
        )
    }

    /// p11-kit's server for the token, at one and the same socket each time.
    func remote() async throws -> Backstage {
        let socket = token.configurationPath.dropLast("softhsm2.conf".count) + "socket"
        return try await Backstage(
            "remote", [String(socket), token.uri, token.modulePath],
            environment: ["SOFTHSM2_CONF": token.configurationPath])
    }
}

/// A software TPM. This process's environment is what its module wants.
struct TPMStage {
    let authority: CertificateAuthority
    private let backstage: Backstage
    private let pin: String

    /// - Parameter keys: What tpm2_ptool is to make, such as `ecc256=P-256`.
    init(keys: [String]) async throws {
        authority = try CertificateAuthority(commonName: "Test Root")
        pin = String(UInt32.random(in: 10_000_000 ... .max))
        backstage = try await Backstage("tpm", keys, environment: ["PIN": pin])
        backstage.enter()
    }

    /// Goes with the TPM.
    var directory: String { backstage.environment["DIRECTORY"] ?? "" }

    /// A module that is not finalised first loses its TPM in mid-air, and says so.
    func end() async throws {
        try await BlockingWork.run { PKCS11Module.finalizeAll() }
        try await backstage.end()
    }

    func run() async throws -> ModuleRun {
        var bytes = Array(pin.utf8)
        return try await ModuleRun(
            "tpm2-pkcs11", module: #require(Installed.module("libtpm2_pkcs11.so")), uri: "pkcs11:token=tpm",
            pin: SecretBytes(wiping: &bytes), authority: authority)
    }
}

import CountingModuleSupport
import DevPKI
import GnuTLS
@testable import MTLSIdentity
import MTLSTestKit
import PKCS11

/// One token with an identity for each fault, made before any of them is examined: SoftHSM 2.6 confuses objects that are
/// made and looked for at once.
struct DoctorWorld: Sendable {
    static let shared = AsyncOnce<DoctorWorld> { try await DoctorWorld() }

    let token: SoftHSMToken
    /// The certificate of "client".
    let certificate: Certificate

    private init() async throws {
        let authority = try CertificateAuthority(commonName: "Test Root")
        token = try await SoftHSMToken()
        certificate = try await token.issue(
            by: authority, commonName: "alice", label: "client", validity: .hours(24 * 365))
        let intermediate = try CertificateAuthority(commonName: "Far Root").intermediate(commonName: "Far Issuer")
        let lonely = try intermediate.issueClient(commonName: "lonely", publicKey: certificate.publicKey)
        try await token.store(authority.root, label: "root", id: [])
        for (label, kind, validity): (String, GnuTLS.KeyKind, Validity) in [
            ("expired", .ecdsaP256, .expired), ("soon", .ecdsaP256, .hours(24)), ("future", .ecdsaP256, .notYetValid),
            ("rsa", .rsa(bits: 2048), .hours(24 * 365)),
        ] {
            try await token.issue(by: authority, commonName: label, key: kind, label: label, validity: validity)
        }
        let access = try await TokenAccess(token.uri, pin: token.pin, module: token.modulePath)
        let provisioner = TokenProvisioner(access.token, pin: access.pin)
        for (id, label): (UInt8, String) in [(0xA0, "extractable"), (0xA1, "always"), (0xA2, "bare"), (0xA3, "server")]
        {
            let material = try await BlockingWork.run {
                try provisioner.generateKeyPair(
                    .ecP256, label: label, id: [id], alwaysAuthenticate: label == "always",
                    extractable: label == "extractable")
            }
            guard label != "bare" else { continue }
            let certificate = try authority.issue(
                label == "server" ? .server(names: ["localhost"]) : .client(commonName: label),
                publicKey: try PublicKey(material), validity: .hours(24 * 365))
            try await token.store(certificate, label: label, id: [id])
        }
        // Somebody else's certificate under the identifier of this key.
        _ = try await BlockingWork.run { try provisioner.generateKeyPair(.ecP256, label: "mismatch", id: [0xB0]) }
        try await token.store(lonely, label: "mismatch", id: [0xB0])
    }

    /// The doctor for the identity with a label, behind a module of the test's own.
    func doctor(_ object: String, behind module: CountingModule? = nil) -> TokenDoctor {
        TokenDoctor(token.uri(object: object), pin: token.pin, module: module?.path ?? token.modulePath)
    }

    func module() throws -> CountingModule { try CountingModule(inFrontOf: token.modulePath) }
}

import DevPKI
import GnuTLS
import MTLSClient
import MTLSTestKit

/// The authority and the token that all these tests share: tokens are dear, and many tests at once on one are what a
/// program does.
struct Parties: Sendable {
    private static let shared = Task { try await Parties() }

    static func ready() async throws -> Parties { try await shared.value }

    /// Issues what servers show and what they accept.
    let authority: CertificateAuthority
    /// Below it; the token has a certificate of it too.
    let department: CertificateAuthority
    private let token: SoftHSMToken
    /// Identities for files, one of each kind: to make an RSA key takes half a second.
    let issued: [KeyKind: IssuedIdentity]

    static let kinds = [
        KeyKind.rsa(bits: 2048), .rsa(bits: 3072), .ecdsaP256, .ecdsaP384, .ecdsaP521, .ed25519,
    ]

    private init() async throws {
        authority = try CertificateAuthority(commonName: "Interop Root")
        department = try authority.intermediate(commonName: "Department")
        token = try await SoftHSMToken()
        var issued: [KeyKind: IssuedIdentity] = [:]
        for kind in Self.kinds {
            issued[kind] = try authority.issueClient(commonName: "files \(kind)", key: kind)
            try await token.issue(by: authority, commonName: "token \(kind)", key: kind, label: Self.label(kind))
        }
        self.issued = issued
        try await token.issue(by: department, commonName: "token department", label: "department")
    }

    /// An identity with a key of the token, whose subject is `CN=token` and the kind.
    func tokenIdentity(_ kind: KeyKind = .ecdsaP256) -> Identity { token.identity(object: Self.label(kind)) }

    /// Likewise, issued by ``department``.
    var departmentIdentity: Identity { token.identity(object: "department") }

    /// Letters and digits: a URI has no room for others.
    private static func label(_ kind: KeyKind) -> String { "\(kind)".filter { $0.isLetter || $0.isNumber } }

    var trust: Trust { .certificates([authority.root]) }

    /// An identity whose issuer no server here knows.
    static func stranger() throws -> IssuedIdentity {
        try CertificateAuthority(commonName: "Stranger").issueClient(commonName: "mallory")
    }
}

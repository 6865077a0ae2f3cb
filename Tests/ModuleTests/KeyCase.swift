import GnuTLS
import PKCS11

/// A row of the table: a kind of key.
struct KeyCase: Sendable {
    let name: String
    let kind: GnuTLS.KeyKind
    /// The mechanism that signs under TLS 1.2 and under TLS 1.3.
    let mechanisms: (SigningMechanism, SigningMechanism)

    static let all = [
        KeyCase(name: "RSA-2048", kind: .rsa(bits: 2048), mechanisms: (.rsaPKCS1, .rsaPSS(.sha256))),
        KeyCase(name: "RSA-3072", kind: .rsa(bits: 3072), mechanisms: (.rsaPKCS1, .rsaPSS(.sha256))),
        KeyCase(name: "P-256", kind: .ecdsaP256, mechanisms: (.ecdsa, .ecdsa)),
        KeyCase(name: "P-384", kind: .ecdsaP384, mechanisms: (.ecdsa, .ecdsa)),
        KeyCase(name: "P-521", kind: .ecdsaP521, mechanisms: (.ecdsa, .ecdsa)),
        KeyCase(name: "Ed25519", kind: .ed25519, mechanisms: (.eddsa, .eddsa)),
    ]

    static func named(_ name: String) -> KeyCase? { all.first { $0.name == name } }

    /// The kind as a token is asked for it.
    var tokenKind: PKCS11.KeyKind? {
        switch kind {
        case .rsa(let bits): .rsa(bits: bits)
        case .ecdsaP256: .ecP256
        case .ecdsaP384: .ecP384
        case .ecdsaP521: .ecP521
        case .ed25519: .ed25519
        case .rsaPSS, .ed448: nil
        }
    }

    func mechanism(under version: TLSVersion) -> SigningMechanism {
        version == .v1_3 ? mechanisms.1 : mechanisms.0
    }
}

extension SigningMechanism {
    var name: String {
        switch self {
        case .rsaPKCS1: "CKM_RSA_PKCS"
        case .rsaPSS: "CKM_RSA_PKCS_PSS"
        case .rsaRaw: "CKM_RSA_X_509"
        case .ecdsa: "CKM_ECDSA"
        case .eddsa: "CKM_EDDSA"
        }
    }
}

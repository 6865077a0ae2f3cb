import GnuTLS
import PKCS11

/// What a token says of a key, and of what it can do with it.
struct KeyChecks {
    let info: KeyInfo
    /// How to make another key.
    let replacement: String

    /// How well the token keeps the key. What it does not say is not held against it.
    func custody(_ report: inout IdentityReport) {
        let faults = report.findings.count
        if info.isSensitive == false {
            report.warn(
                .keyNotSensitive, "the key can be read out of the token (CKA_SENSITIVE is false)", remedy: replacement)
        }
        if info.isExtractable == true {
            report.warn(
                .keyExtractable, "the key can be wrapped and taken out of the token (CKA_EXTRACTABLE is true)",
                remedy: replacement)
        } else if info.isLocal == false {
            report.warn(.keyImported, "the key was not made in the token (CKA_LOCAL is false)", remedy: replacement)
        } else if info.wasNeverExtractable == false {
            report.warn(
                .keyImported, "the key could be taken out of the token once (CKA_NEVER_EXTRACTABLE is false)",
                remedy: replacement)
        }
        if report.findings.count == faults {
            let facts = [
                info.isSensitive == true ? "sensitive" : nil, info.isExtractable == false ? "not extractable" : nil,
                info.isLocal == true ? "made in the token" : nil,
                info.wasNeverExtractable == true ? "never extractable" : nil,
            ].compactMap(\.self)
            report.ok(
                .keyCustody,
                facts.isEmpty
                    ? "the token does not say how it keeps the key" : "the key is " + facts.joined(separator: ", "))
        }
        if info.alwaysAuthenticates {
            report.ok(.keyAlwaysAuthenticates, "the key wants the PIN for each signature, so for each new connection")
        }
    }

    /// By which versions of TLS the key can sign.
    static func mechanisms(_ signer: TokenSigner, _ report: inout IdentityReport) {
        let key = signer.publicKey
        let able = key.schemes.filter(signer.supports)
        let names = able.map { "\($0)" }.joined(separator: ", ")
        if able.isEmpty {
            report.fail(
                .mechanismsMissing, "the token cannot sign with \(key.forPeople): it lacks \(lacking(key))",
                remedy: "use another kind of key, or a newer module")
        } else if able.allSatisfy(\.isRSAPKCS1) {
            report.warn(
                .mechanismsTLS12Only, "TLS 1.2 only: the token lacks \(lacking(key)), which TLS 1.3 needs of RSA keys",
                remedy: "use an EC key, or servers that accept TLS 1.2")
        } else {
            report.ok(.mechanisms, "the token signs in TLS 1.2 and 1.3 (\(names))")
        }
    }

    private static func lacking(_ key: PublicKey) -> String {
        switch key.algorithm {
        case .rsa, .rsaPSS: "RSASSA-PSS (CKM_RSA_PKCS_PSS, and CKM_RSA_X_509 in its place)"
        case .ecdsa: "ECDSA (CKM_ECDSA)"
        case .ed25519, .ed448: "EdDSA (CKM_EDDSA)"
        case .other(let name): "a mechanism for \(name)"
        }
    }
}

extension PublicKey {
    /// The kind of key, for people: `RSA 2048`, `EC P-256`, `Ed25519`.
    package var forPeople: String {
        switch algorithm {
        case .rsa: "RSA \(bits)"
        case .rsaPSS: "RSA-PSS \(bits)"
        case .ecdsa(.p256): "EC P-256"
        case .ecdsa(.p384): "EC P-384"
        case .ecdsa(.p521): "EC P-521"
        case .ed25519: "Ed25519"
        case .ed448: "Ed448"
        case .other(let name): name
        }
    }
}

import CP11Kit

/// A way to sign. What is signed is what the token gets: nothing is hashed here.
package enum SigningMechanism: Sendable, Hashable {
    package enum Hash: Sendable, Hashable, CaseIterable {
        case sha256, sha384, sha512

        /// The length of a digest in bytes.
        package var length: Int {
            switch self {
            case .sha256: 32
            case .sha384: 48
            case .sha512: 64
            }
        }
    }

    /// PKCS#1 v1.5 over a DigestInfo.
    case rsaPKCS1
    /// PSS over a digest, with MGF1 of the same hash and a salt of the digest's length (RFC 8446 §4.2.3).
    case rsaPSS(Hash)
    /// The bare RSA operation over a block that is as long as the modulus.
    case rsaRaw
    /// ECDSA over a digest. The signature is r and s, each as long as the curve's order.
    case ecdsa
    /// EdDSA over the whole message.
    case eddsa

    /// The `CK_MECHANISM_TYPE`.
    package var type: UInt {
        switch self {
        case .rsaPKCS1: CKM_RSA_PKCS
        case .rsaPSS: CKM_RSA_PKCS_PSS
        case .rsaRaw: CKM_RSA_X_509
        case .ecdsa: CKM_ECDSA
        case .eddsa: CKM_EDDSA
        }
    }

    /// Lends the mechanism with its parameters.
    func withMechanism<Result>(_ body: (UnsafeMutablePointer<CK_MECHANISM>) -> Result) -> Result {
        var mechanism = CK_MECHANISM(mechanism: type, pParameter: nil, ulParameterLen: 0)
        guard case .rsaPSS(let hash) = self else { return body(&mechanism) }
        let (type, mgf) =
            switch hash {
            case .sha256: (CKM_SHA256, CKG_MGF1_SHA256)
            case .sha384: (CKM_SHA384, CKG_MGF1_SHA384)
            case .sha512: (CKM_SHA512, CKG_MGF1_SHA512)
            }
        var parameters = CK_RSA_PKCS_PSS_PARAMS(hashAlg: type, mgf: UInt(mgf), sLen: UInt(hash.length))
        return withUnsafeMutableBytes(of: &parameters) { bytes in
            mechanism.pParameter = bytes.baseAddress
            mechanism.ulParameterLen = UInt(bytes.count)
            return body(&mechanism)
        }
    }
}

/// A mechanism of a token.
package struct MechanismInfo: Sendable, Hashable {
    /// The `CK_MECHANISM_TYPE`.
    package let type: UInt
    /// The key sizes, in the unit that PKCS#11 has for the mechanism.
    package let keySizes: (minimum: UInt, maximum: UInt)
    package let canSign: Bool
    package let canGenerateKeyPairs: Bool

    init(_ type: CK_MECHANISM_TYPE, _ info: CK_MECHANISM_INFO) {
        self.type = type
        keySizes = (info.ulMinKeySize, info.ulMaxKeySize)
        canSign = info.flags & CKF_SIGN != 0
        canGenerateKeyPairs = info.flags & CKF_GENERATE_KEY_PAIR != 0
    }

    /// A mechanism that the token lists and does not describe: it may be able to do anything, and will say so when asked.
    init(listed type: CK_MECHANISM_TYPE) {
        self.type = type
        keySizes = (0, UInt.max)
        canSign = true
        canGenerateKeyPairs = true
    }

    package static func == (left: MechanismInfo, right: MechanismInfo) -> Bool {
        left.type == right.type && left.keySizes == right.keySizes && left.canSign == right.canSign
            && left.canGenerateKeyPairs == right.canGenerateKeyPairs
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(type) }
}

import CP11Kit

/// The public half of a key, as the token has it.
package enum PublicKeyMaterial: Sendable, Hashable {
    /// Two unsigned numbers, most significant byte first, without leading zeros.
    case rsa(modulus: [UInt8], exponent: [UInt8])
    /// The curve as DER of `ECParameters` (`CKA_EC_PARAMS`) and the point as RFC 5480 or RFC 8410 writes it, not
    /// wrapped in an OCTET STRING.
    case ec(parameters: [UInt8], point: [UInt8])
}

extension PublicKeyMaterial {
    /// The lengths of points that are not wrapped: Ed25519, Ed448, and uncompressed ones of 256, 384, 512 and 521 bits.
    private static let bareLengths: Set<Int> = [32, 57, 65, 97, 129, 133]

    /// The point in a `CKA_EC_POINT`, which is an OCTET STRING in PKCS#11 2.40 and the bare point in some modules.
    ///
    /// Its first byte does not tell: 4 begins an OCTET STRING and an uncompressed point. The lengths of the curves do.
    package static func bare(_ value: [UInt8]) -> [UInt8] {
        guard !bareLengths.contains(value.count), value.first == 0x04 else { return value }
        for header in [2, 3] where value.count > header && bareLengths.contains(value.count - header) {
            return Array(value[header...])
        }
        return value
    }
}

/// What a token says of a private key.
package struct KeyInfo: Sendable, Hashable {
    package enum KeyType: Sendable, Hashable {
        case rsa, ec, edwards
        /// Another `CK_KEY_TYPE`, which cannot serve TLS.
        case other(UInt)
    }

    package let type: KeyType
    package let label: TokenText
    /// `CKA_ID`.
    package let id: [UInt8]
    /// `CKA_SENSITIVE`, nil where the token does not say; likewise below.
    package let isSensitive: Bool?
    package let isExtractable: Bool?
    package let wasNeverExtractable: Bool?
    /// The key was made in the token.
    package let isLocal: Bool?
    /// The key wants the PIN for each signature.
    package let alwaysAuthenticates: Bool
    /// The public half, where the private key or a public key with the same `CKA_ID` shows it.
    package let publicKey: PublicKeyMaterial?
}

extension Session {
    func keyInfo(of key: CK_OBJECT_HANDLE) throws(PKCS11Error) -> KeyInfo {
        let values = try attributes(
            [
                CKA_LABEL, CKA_ID, CKA_KEY_TYPE, CKA_SENSITIVE, CKA_EXTRACTABLE, CKA_NEVER_EXTRACTABLE, CKA_LOCAL,
                CKA_ALWAYS_AUTHENTICATE,
            ], of: key)
        let (id, type) = (values[1] ?? [], KeyInfo.KeyType(values[2]))
        var publicKey = try publicHalf(type, of: key)
        if publicKey == nil, !id.isEmpty {
            let twins = try find([Attribute(CKA_CLASS, number: CKO_PUBLIC_KEY), Attribute(CKA_ID, id)])
            if twins.count == 1 { publicKey = try publicHalf(type, of: twins[0]) }
        }
        func flag(_ value: [UInt8]?) -> Bool? { value?.count == 1 ? value?.first != 0 : nil }
        return KeyInfo(
            type: type, label: TokenText(values[0] ?? []), id: id, isSensitive: flag(values[3]),
            isExtractable: flag(values[4]), wasNeverExtractable: flag(values[5]), isLocal: flag(values[6]),
            alwaysAuthenticates: flag(values[7]) ?? false, publicKey: publicKey)
    }

    func keyType(of key: CK_OBJECT_HANDLE) throws(PKCS11Error) -> KeyInfo.KeyType {
        KeyInfo.KeyType(try attribute(CKA_KEY_TYPE, of: key))
    }

    /// What `key`, private or public, shows of its public half.
    func publicHalf(_ type: KeyInfo.KeyType, of key: CK_OBJECT_HANDLE) throws(PKCS11Error) -> PublicKeyMaterial? {
        switch type {
        case .rsa:
            let values = try attributes([CKA_MODULUS, CKA_PUBLIC_EXPONENT], of: key)
            guard let modulus = values[0], !modulus.isEmpty, let exponent = values[1], !exponent.isEmpty else {
                return nil
            }
            return .rsa(modulus: Array(modulus.drop { $0 == 0 }), exponent: Array(exponent.drop { $0 == 0 }))
        case .ec, .edwards:
            // Private keys have no point as a rule.
            guard let point = try attributes([CKA_EC_POINT], of: key)[0], !point.isEmpty,
                let parameters = try attributes([CKA_EC_PARAMS], of: key)[0], !parameters.isEmpty
            else { return nil }
            return .ec(parameters: parameters, point: PublicKeyMaterial.bare(point))
        case .other: return nil
        }
    }
}

extension KeyInfo.KeyType {
    /// What a `CKA_KEY_TYPE` says.
    fileprivate init(_ value: [UInt8]?) {
        guard let value, value.count == MemoryLayout<UInt>.size else {
            self = .other(UInt.max)
            return
        }
        self =
            switch value.withUnsafeBytes({ $0.loadUnaligned(as: UInt.self) }) {
            case CKK_RSA: .rsa
            case CKK_EC: .ec
            case CKK_EC_EDWARDS: .edwards
            case let other: .other(other)
            }
    }
}

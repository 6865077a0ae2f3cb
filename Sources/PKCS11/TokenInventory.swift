import CP11Kit

/// A certificate or key in a token, as far as it shows.
package struct TokenObject: Sendable {
    /// `certificate`, `publicKey` or `privateKey`.
    package let type: PKCS11URI.ObjectType
    package let label: TokenText
    /// `CKA_ID`.
    package let id: [UInt8]
    /// The URI that names this object.
    package let uri: PKCS11URI
    /// A certificate in DER; nil for keys.
    package let certificate: [UInt8]?
    /// The public half of a key; nil for certificates, and where the token does not show it.
    package let publicKey: PublicKeyMaterial?
}

extension PKCS11Module {
    /// The slots that hold a token, also one that is not initialised yet. It blocks as long as the module likes.
    package func slots() throws(PKCS11Error) -> [SlotWithToken] {
        try cryptoki.slots(withToken: true).compactMap { slot in
            guard let slotInfo = try? cryptoki.slotInfo(slot), let token = try? cryptoki.tokenInfo(slot) else {
                return nil
            }
            return SlotWithToken(slot: slotInfo, token: token)
        }
    }
}

extension Token {
    /// What the token says of itself now. It blocks as long as the module likes.
    package func currentInfo() throws(PKCS11Error) -> TokenInfo {
        do throws(PKCS11Error) { return try module.cryptoki.tokenInfo(try sessions.locate()) } catch {
            throw error.naming(token: label)
        }
    }

    /// Logs in, whether or not anything needs it yet, and stays so. On a thread of the lane only.
    ///
    /// - Throws: `pinMissing`, `pinIncorrect`, `pinLocked` or `pinTriesLow`; `removed`, `cancelled`, `failed`.
    package func logIn(pin: any PINProvider) throws(PKCS11Error) {
        try withSession(pin: nil) { (session: Session) throws(PKCS11Error) in
            try self.login.logIn(on: self.sessions.anchored() ?? session, seen: self.login.attempts, pin: pin)
        }
    }

    /// The certificates and keys whose type, label and identifier match the URI, as far as they show: private keys do
    /// after a login as a rule. It does not log in. On a thread of the lane only.
    package func objects(_ uri: PKCS11URI) throws(PKCS11Error) -> [TokenObject] {
        try withSession(pin: nil) { (session: Session) throws(PKCS11Error) in
            try session.objects(uri, in: self.uri)
        }
    }
}

extension Session {
    /// The certificates and keys that match `uri`, with URIs that begin as `token` does.
    func objects(_ uri: PKCS11URI, in token: PKCS11URI) throws(PKCS11Error) -> [TokenObject] {
        var objects: [TokenObject] = []
        for type in uri.type.map({ [$0] }) ?? [.certificate, .publicKey, .privateKey] {
            for handle in try find(uri.template(type.objectClass)) {
                let (label, id) = try names(of: handle)
                let isCertificate = type == .certificate
                objects.append(
                    TokenObject(
                        type: type, label: label, id: id, uri: token.object(type, label: label, id: id),
                        certificate: isCertificate ? try attribute(CKA_VALUE, of: handle) : nil,
                        publicKey: isCertificate ? nil : try publicHalf(try keyType(of: handle), of: handle)))
            }
        }
        return objects
    }
}

extension PKCS11URI.ObjectType {
    var objectClass: CK_OBJECT_CLASS {
        switch self {
        case .certificate: CKO_CERTIFICATE
        case .publicKey: CKO_PUBLIC_KEY
        case .privateKey: CKO_PRIVATE_KEY
        case .secretKey: CKO_SECRET_KEY
        case .data: CKO_DATA
        }
    }
}

extension TokenProvisioner {
    /// What matches the URI, private keys included.
    package func objects(_ uri: PKCS11URI) throws(PKCS11Error) -> [TokenObject] {
        try manage { (session: Session) throws(PKCS11Error) in try session.objects(uri, in: token.uri) }
    }

    /// Deletes the certificates under an identifier, but for the one given.
    package func deleteCertificates(id: [UInt8], except kept: [UInt8]) throws(PKCS11Error) {
        try manage { (session: Session) throws(PKCS11Error) in
            let template = [Attribute(CKA_CLASS, number: CKO_CERTIFICATE), Attribute(CKA_ID, id)]
            for object in try session.find(template) where try session.attribute(CKA_VALUE, of: object) != kept {
                try session.call("C_DestroyObject", \.C_DestroyObject) { $0($1, object) }
            }
        }
    }
}

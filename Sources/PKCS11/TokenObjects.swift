import CP11Kit

/// A certificate in a token.
package struct TokenCertificate: Sendable, Hashable {
    /// The certificate in DER.
    package let der: [UInt8]
    /// `CKA_ID`, which is the same for the private key that belongs to it.
    package let id: [UInt8]
    package let label: TokenText
    /// The URI that names this certificate.
    package let uri: PKCS11URI

    package static func == (left: TokenCertificate, right: TokenCertificate) -> Bool {
        left.der == right.der && left.id == right.id && left.label == right.label
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(der) }
}

/// A private key in a token.
package struct TokenKeyEntry: Sendable, Hashable {
    /// `CKA_ID`.
    package let id: [UInt8]
    package let label: TokenText
    /// The URI that names this key.
    package let uri: PKCS11URI

    package static func == (left: TokenKeyEntry, right: TokenKeyEntry) -> Bool {
        left.id == right.id && left.label == right.label
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(id)
        hasher.combine(label)
    }
}

extension Token {
    /// The X.509 certificates whose label and identifier match the URI. Certificates are public as a rule: nobody logs
    /// in unless nothing is found and `pin` is given.
    ///
    /// On a thread of the lane only.
    package func findCertificates(
        _ uri: PKCS11URI, pin: (any PINProvider)? = nil
    ) throws(PKCS11Error) -> [TokenCertificate] {
        try search(pin: pin) { (session: Session) throws(PKCS11Error) in
            let template = uri.template(CKO_CERTIFICATE) + [Attribute(CKA_CERTIFICATE_TYPE, number: CKC_X_509)]
            var certificates: [TokenCertificate] = []
            for handle in try session.find(template) {
                guard let der = try session.attribute(CKA_VALUE, of: handle), !der.isEmpty else { continue }
                let (label, id) = try session.names(of: handle)
                certificates.append(
                    TokenCertificate(
                        der: der, id: id, label: label, uri: self.uri.object(.certificate, label: label, id: id)))
            }
            return certificates
        }
    }

    /// The private keys whose label and identifier match the URI. They are hidden before the login as a rule, so it logs
    /// in when nothing is found, if `pin` is given.
    ///
    /// On a thread of the lane only.
    package func findPrivateKeys(
        _ uri: PKCS11URI, pin: (any PINProvider)? = nil
    ) throws(PKCS11Error) -> [TokenKeyEntry] {
        try search(pin: pin) { (session: Session) throws(PKCS11Error) in
            var keys: [TokenKeyEntry] = []
            for handle in try session.find(uri.template(CKO_PRIVATE_KEY)) {
                let (label, id) = try session.names(of: handle)
                keys.append(
                    TokenKeyEntry(id: id, label: label, uri: self.uri.object(.privateKey, label: label, id: id)))
            }
            return keys
        }
    }

    /// Logs in once if nothing is found; still nothing is an empty list then.
    private func search<Found>(
        pin: (any PINProvider)?, _ body: (Session) throws(PKCS11Error) -> [Found]
    ) throws(PKCS11Error) -> [Found] {
        do throws(PKCS11Error) {
            return try withSession(pin: pin) { (session: Session) throws(PKCS11Error) -> [Found] in
                let found = try body(session)
                if found.isEmpty, pin != nil { throw PKCS11Error(.objectNotFound, "nothing was found") }
                return found
            }
        } catch {
            guard error.kind == .objectNotFound else { throw error }
            return []
        }
    }
}

extension PKCS11URI {
    /// The template for objects of `type` that this URI describes.
    func template(_ type: CK_OBJECT_CLASS) -> [Attribute] {
        var template = [Attribute(CKA_CLASS, number: type)]
        if let object { template.append(Attribute(CKA_LABEL, object)) }
        if let id { template.append(Attribute(CKA_ID, id)) }
        return template
    }
}

extension Session {
    func names(of object: CK_OBJECT_HANDLE) throws(PKCS11Error) -> (label: TokenText, id: [UInt8]) {
        let values = try attributes([CKA_LABEL, CKA_ID], of: object)
        return (TokenText(values[0] ?? []), values[1] ?? [])
    }
}

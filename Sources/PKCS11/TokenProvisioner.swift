import CP11Kit
package import SecretMemory

/// Fills a token: keys, certificates.
///
/// Each operation opens a read-write session of its own, logs in, and closes it. Operations run one at a time in the
/// whole process: modules mix up handles when objects are made and looked for at once. They block whatever
/// thread calls them.
package struct TokenProvisioner: Sendable {
    package let token: Token
    private let pin: any PINProvider
    private static let management = Monitor()

    /// - Parameter pin: The user's PIN. A token that has refused it is not asked again.
    package init(_ token: Token, pin: SecretBytes) {
        self.init(token, pin: KnownPIN(pin, vouchedFor: true))
    }

    /// - Parameter pin: Where the user's PIN comes from; it is asked at each operation.
    package init(_ token: Token, pin: any PINProvider) {
        self.token = token
        self.pin = pin
    }

    /// Initialises a token in a free slot of `module` and sets the user's PIN.
    ///
    /// - Parameters:
    ///   - label: At most 32 bytes, and not the label of a token that is there.
    ///   - isNew: The caller knows that there is no such token. To look for one asks every slot.
    /// - Throws: `tokenNotFound` when no slot is free; `ambiguous` when the label is taken.
    package static func initializeToken(
        in module: PKCS11Module, label: String, soPIN: SecretBytes, pin: SecretBytes, isNew: Bool = false
    ) throws(PKCS11Error) -> Token {
        management.lock()
        defer { management.unlock() }
        var uri = PKCS11URI()
        uri.token = Array(label.utf8)
        var padded = Array(label.utf8)
        guard (1...32).contains(padded.count) else {
            throw PKCS11Error(.internal, "the label of a token has between 1 and 32 bytes")
        }
        padded += [UInt8](repeating: 0x20, count: 32 - padded.count)
        if !isNew, try module.tokens().contains(where: { uri.matches($0) }) {
            throw PKCS11Error(.ambiguous, "there is a token with this label already: \(uri.formatted)")
        }
        let free = try module.cryptoki.slots(withToken: true).last { slot in
            (try? module.cryptoki.tokenInfo(slot))?.flags.contains(.tokenInitialized) == false
        }
        guard let free else { throw PKCS11Error(.tokenNotFound, "the module has no slot for a new token") }
        try module.cryptoki.call("C_InitToken", \.C_InitToken) { initialize in
            soPIN.withPIN { initialize(free, $0, $1, &padded) }
        }
        // The number of the slot may be another now.
        let token = try Token.find(lastWith: TokenText(Array(label.utf8)), in: module)
        try token.setInitialPIN(soPIN: soPIN, pin: pin)
        // The token that was found had no PIN yet.
        Token.forget(token)
        return try Token.find(lastWith: TokenText(Array(label.utf8)), in: module)
    }

    /// Makes a key pair whose private key never leaves the token, unless it is made `extractable`.
    ///
    /// - Parameters:
    ///   - id: `CKA_ID` of both keys, and of the certificate to come.
    ///   - alwaysAuthenticate: The key wants the PIN for each signature.
    ///   - extractable: Others may wrap the key and take it out.
    package func generateKeyPair(
        _ kind: KeyKind, label: String, id: [UInt8], alwaysAuthenticate: Bool = false, extractable: Bool = false
    ) throws(PKCS11Error) -> PublicKeyMaterial {
        try manage { (session: Session) throws(PKCS11Error) in
            let names = Self.names(label, id)
            let publicTemplate =
                names + kind.publicTemplate + [Attribute(CKA_TOKEN, true), Attribute(CKA_VERIFY, true)]
            var privateTemplate = names + Self.guarded(extractable: extractable)
            if alwaysAuthenticate { privateTemplate.append(Attribute(CKA_ALWAYS_AUTHENTICATE, true)) }
            var (publicKey, privateKey): (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE) = (0, 0)
            try session.call("C_GenerateKeyPair", \.C_GenerateKeyPair) { generate, handle in
                var mechanism = CK_MECHANISM(mechanism: kind.mechanism, pParameter: nil, ulParameterLen: 0)
                return publicTemplate.withTemplate { publicEntries, publicCount in
                    privateTemplate.withTemplate { privateEntries, privateCount in
                        generate(
                            handle, &mechanism, publicEntries, publicCount, privateEntries, privateCount, &publicKey,
                            &privateKey)
                    }
                }
            }
            guard let material = try session.publicHalf(kind.keyType, of: publicKey) else {
                throw PKCS11Error(.failed, "the token made a key pair and does not show its public half")
            }
            return material
        }
    }

    /// Stores an X.509 certificate. Subject, issuer and serial number are DER out of the certificate.
    package func importCertificate(
        _ der: [UInt8], subjectDER: [UInt8], issuerDER: [UInt8]? = nil, serialDER: [UInt8]? = nil, label: String,
        id: [UInt8]
    ) throws(PKCS11Error) {
        var template = Self.names(label, id)
        template += [
            Attribute(CKA_CLASS, number: CKO_CERTIFICATE), Attribute(CKA_CERTIFICATE_TYPE, number: CKC_X_509),
            Attribute(CKA_TOKEN, true), Attribute(CKA_PRIVATE, false), Attribute(CKA_VALUE, der),
            Attribute(CKA_SUBJECT, subjectDER),
        ]
        if let issuerDER { template.append(Attribute(CKA_ISSUER, issuerDER)) }
        if let serialDER { template.append(Attribute(CKA_SERIAL_NUMBER, serialDER)) }
        try create(template)
    }

    /// Stores a private key that was made elsewhere, and its public half. It stays in the token from then on.
    package func importPrivateKey(_ key: PrivateKeyComponents, label: String, id: [UInt8]) throws(PKCS11Error) {
        let names = Self.names(label, id)
        try create(
            names + key.publicTemplate
                + [
                    Attribute(CKA_CLASS, number: CKO_PUBLIC_KEY), Attribute(CKA_TOKEN, true),
                    Attribute(CKA_VERIFY, true),
                ])
        try create(names + key.privateTemplate + Self.guarded() + [Attribute(CKA_CLASS, number: CKO_PRIVATE_KEY)])
    }

    /// Deletes the objects that match the URI's label, identifier and type, and returns how many they were. A URI that
    /// names no object at all is refused.
    @discardableResult
    package func deleteObjects(_ uri: PKCS11URI) throws(PKCS11Error) -> Int {
        guard uri.namesObject else {
            throw PKCS11Error(.internal, "deleting by a URI that names no object would empty the token")
        }
        let types = uri.type.map { [$0.objectClass] } ?? [CKO_CERTIFICATE, CKO_PRIVATE_KEY, CKO_PUBLIC_KEY]
        return try manage { (session: Session) throws(PKCS11Error) in
            var count = 0
            for type in types {
                for object in try session.find(uri.template(type)) {
                    try session.call("C_DestroyObject", \.C_DestroyObject) { $0($1, object) }
                    count += 1
                }
            }
            return count
        }
    }

    /// Has the token itself verify a signature, with the public key that has this identifier.
    ///
    /// - Throws: `failed` with `CKR_SIGNATURE_INVALID`, or `CKR_SIGNATURE_LEN_RANGE`, when it is wrong.
    package func verify(
        _ signature: [UInt8], of data: [UInt8], _ mechanism: SigningMechanism, id: [UInt8]
    ) throws(PKCS11Error) {
        try manage { (session: Session) throws(PKCS11Error) in
            let keys = try session.find([Attribute(CKA_CLASS, number: CKO_PUBLIC_KEY), Attribute(CKA_ID, id)])
            guard keys.count == 1 else {
                throw PKCS11Error(.objectNotFound, "\(keys.count) public keys have this identifier")
            }
            try session.verify(signature, of: data, mechanism, key: keys[0])
        }
    }

    private static func names(_ label: String, _ id: [UInt8]) -> [Attribute] {
        [Attribute(CKA_LABEL, Array(label.utf8)), Attribute(CKA_ID, id)]
    }

    /// What keeps a private key in the token, and lets it sign and nothing else.
    private static func guarded(extractable: Bool = false) -> [Attribute] {
        [
            Attribute(CKA_TOKEN, true), Attribute(CKA_PRIVATE, true), Attribute(CKA_SENSITIVE, true),
            Attribute(CKA_EXTRACTABLE, extractable), Attribute(CKA_SIGN, true),
        ]
    }

    private func create(_ template: [Attribute]) throws(PKCS11Error) {
        try manage { (session: Session) throws(PKCS11Error) in
            var object: CK_OBJECT_HANDLE = 0
            try session.call("C_CreateObject", \.C_CreateObject) { create, handle in
                template.withTemplate { create(handle, $0, $1, &object) }
            }
        }
    }

    func manage<Result>(_ body: (Session) throws(PKCS11Error) -> Result) throws(PKCS11Error) -> Result {
        Self.management.lock()
        defer { Self.management.unlock() }
        do throws(PKCS11Error) {
            let session = try Session(
                token.module.cryptoki, slot: token.sessions.locate(), generation: -1, writable: true)
            defer { session.close() }
            try token.login.authenticate(on: session, .login, pin: pin)
            return try body(session)
        } catch {
            throw error.naming(token: token.label)
        }
    }
}

extension Token {
    fileprivate func setInitialPIN(soPIN: SecretBytes, pin: SecretBytes) throws(PKCS11Error) {
        let session = try Session(module.cryptoki, slot: sessions.locate(), generation: -1, writable: true)
        defer { session.close() }
        let code = session.logIn(CKU_SO, soPIN)
        guard code == .ok else { throw PKCS11Error("C_Login", code).naming(token: label) }
        defer { session.logOut() }
        try session.call("C_InitPIN", \.C_InitPIN) { initialize, handle in pin.withPIN { initialize(handle, $0, $1) } }
    }
}

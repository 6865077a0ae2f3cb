import MTLSClient

/// Which identity `--cert` and `--key` name.
enum IdentityChoice: Equatable {
    case none
    /// One file whose contents show what it is.
    case file(String)
    case files(certificate: String, key: String?)
    case pkcs12(String)
    /// A key in a token; the certificate is a file or a URI, or is found with the key.
    case token(key: String, certificate: String?)

    /// - Parameters:
    ///   - certificateType: What `--cert-type` says.
    ///   - keyType: What `--key-type` says.
    ///   - exists: Whether there is a file of that name.
    /// - Throws: ``UsageError``, which never quotes what may be a password or a PIN.
    init(
        certificate: String?, key: String?, certificateType: String? = nil, keyType: String? = nil,
        exists: (String) -> Bool
    ) throws(UsageError) {
        for text in [certificate, key].compactMap(\.self) where Self.isURI(text) {
            if Self.attributes(of: text).contains("pin-value") {
                throw UsageError(
                    "a PIN in the URI (pin-value) is seen by everybody who lists processes: use --pin-source or --pin-env"
                )
            }
        }
        if let certificate, !Self.isURI(certificate), certificate.contains(":"), !exists(certificate) {
            throw UsageError(
                "a password behind --cert's file name is seen by everybody who lists processes: use --pass-source or --pass-env"
            )
        }
        let type = try Self.type(certificateType, of: certificate, "--cert", ["PEM", "DER", "P12", "ENG"])
        try Self.type(keyType, of: key, "--key", ["PEM", "DER", "ENG"])
        if type == "P12", let certificate {
            guard key == nil else {
                throw UsageError("--cert-type P12 and --key exclude each other: the file holds its key")
            }
            self = .pkcs12(certificate)
            return
        }
        switch (certificate, key) {
        case (nil, nil): self = .none
        case (nil, let key?):
            guard Self.isURI(key) else { throw UsageError("--key needs --cert") }
            self = .token(key: key, certificate: nil)
        case (let certificate?, nil):
            if Self.isURI(certificate) {
                self = .token(key: certificate, certificate: nil)
            } else {
                self = type == nil ? .file(certificate) : .files(certificate: certificate, key: nil)
            }
        case (let certificate?, let key?):
            if Self.isURI(key) {
                self = .token(key: key, certificate: certificate)
            } else if Self.isURI(certificate) {
                throw UsageError(
                    "a key in a file with a certificate in a token is not supported: write the certificate to a file")
            } else {
                self = .files(certificate: certificate, key: key)
            }
        }
    }

    /// Whether the key's URI says itself where its PIN is.
    var namesPIN: Bool {
        guard case .token(let key, _) = self else { return false }
        return Self.attributes(of: key).contains("pin-source")
    }

    /// The type that was named, in capitals, when it fits what was named: ENG is curl's word for a pkcs11: URI.
    @discardableResult
    private static func type(
        _ type: String?, of name: String?, _ option: String, _ known: [String]
    ) throws(UsageError) -> String? {
        guard let type = type?.uppercased() else { return nil }
        guard known.contains(type) else {
            throw UsageError("\(option)-type takes \(known.joined(separator: ", ")), not '\(type)'")
        }
        if let name, (type == "ENG") != isURI(name) {
            throw UsageError(
                type == "ENG"
                    ? "\(option)-type ENG needs a pkcs11: URI" : "\(option)-type \(type) does not fit a pkcs11: URI")
        }
        return type
    }

    private static func isURI(_ text: String) -> Bool { text.lowercased().hasPrefix("pkcs11:") }

    /// The names of the query's attributes.
    private static func attributes(of uri: String) -> Set<String> {
        guard let query = uri.firstIndex(of: "?") else { return [] }
        return Set(uri[query...].dropFirst().split(separator: "&").map { String($0.prefix { $0 != "=" }).lowercased() })
    }
}

extension SecretSource {
    /// What a pair of options such as `--pin-source` and `--pin-env` names; nil when neither was given.
    ///
    /// - Parameter name: `pin` or `pass`.
    static func named(_ name: String, file: String?, variable: String?) throws(UsageError) -> SecretSource? {
        switch (file, variable) {
        case (nil, nil): nil
        case ("prompt"?, nil): .prompt
        case (let file?, nil): .file(file)
        case (nil, let variable?): .environment(variable)
        case (_?, _?): throw UsageError("--\(name)-source and --\(name)-env exclude each other")
        }
    }
}

extension Identity {
    /// The identity that was chosen.
    ///
    /// - Parameter prompts: Whether somebody can be asked for a secret that no option names.
    init?(_ choice: IdentityChoice, pin: SecretSource?, passphrase: SecretSource?, module: String?, prompts: Bool) {
        let prompt = prompts ? SecretSource.prompt : nil
        switch choice {
        case .none: return nil
        case .file(let path): self = .file(path, passphrase: passphrase ?? prompt)
        case .pkcs12(let path): self = .pkcs12(path, passphrase: passphrase ?? prompt)
        case .files(let certificate, let key):
            self = .pem(certificate: certificate, key: key, passphrase: passphrase ?? prompt)
        case .token(let key, let certificate):
            self = .token(
                key, pin: pin ?? (choice.namesPIN ? nil : prompt), certificate: certificate, module: module,
                allowingModulePath: true)
        }
    }
}

extension IdentityOptions {
    /// Which identity the options name.
    ///
    /// - Parameter exists: Whether there is a file of that name.
    func choice(exists: (String) -> Bool) throws(UsageError) -> IdentityChoice {
        guard pass == nil else {
            throw UsageError(
                "--pass shows the passphrase to everybody who lists processes: use --pass-source or --pass-env")
        }
        return try IdentityChoice(
            certificate: cert, key: key, certificateType: certType, keyType: keyType, exists: exists)
    }

    /// Whom the options name; nil when nobody.
    func identity() throws(UsageError) -> Identity? {
        Identity(
            try choice(exists: Files.exists), pin: try .named("pin", file: pinSource, variable: pinEnv),
            passphrase: try .named("pass", file: passSource, variable: passEnv), module: module,
            prompts: Files.hasTerminal)
    }
}

extension ProxyPlan {
    /// Whom an https proxy is shown.
    func clientIdentity(module: String?) -> Identity? {
        Identity(identity, pin: pin, passphrase: passphrase, module: module, prompts: Files.hasTerminal)
    }
}

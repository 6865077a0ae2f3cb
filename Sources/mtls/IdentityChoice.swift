import MTLSClient

/// Which identity `--cert` and `--key` name.
enum IdentityChoice: Equatable {
    case none
    case files(certificate: String, key: String?)
    /// A key in a token; the certificate is a file or a URI, or is found with the key.
    case token(key: String, certificate: String?)

    /// - Parameter exists: Whether there is a file of that name.
    /// - Throws: ``UsageError``, which never quotes what may be a password or a PIN.
    init(certificate: String?, key: String?, exists: (String) -> Bool) throws(UsageError) {
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
        switch (certificate, key) {
        case (nil, nil): self = .none
        case (nil, let key?):
            guard Self.isURI(key) else { throw UsageError("--key needs --cert") }
            self = .token(key: key, certificate: nil)
        case (let certificate?, nil):
            self =
                Self.isURI(certificate)
                ? .token(key: certificate, certificate: nil) : .files(certificate: certificate, key: nil)
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
        case .files(let certificate, let key):
            self = .pem(certificate: certificate, key: key, passphrase: passphrase ?? prompt)
        case .token(let key, let certificate):
            self = .token(
                key, pin: pin ?? (choice.namesPIN ? nil : prompt), certificate: certificate, module: module,
                allowingModulePath: true)
        }
    }
}

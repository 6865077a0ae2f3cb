package import GnuTLS
package import MTLSCore
package import PKCS11

/// Makes keys in a token, asks for certificates for them, and stores those.
///
/// Whatever asks the token runs on threads that may block.
package struct KeyManager: Sendable {
    package let access: TokenAccess
    private var token: Token { access.token }
    private var uri: PKCS11URI { access.uri }
    private var provisioner: TokenProvisioner { TokenProvisioner(token, pin: access.pin) }

    package init(_ access: TokenAccess) {
        self.access = access
    }

    /// Makes a key pair under the label that the URI names. The private key cannot leave the token.
    ///
    /// - Parameter id: `CKA_ID`; without it the URI's, or eight random bytes.
    /// - Returns: The URI of the private key, and the public half.
    /// - Throws: `tokenAmbiguous` when the label or the identifier is taken.
    package func generate(
        _ kind: PKCS11.KeyKind, id: [UInt8]? = nil
    ) async throws(MTLSError) -> (uri: PKCS11URI, publicKey: PublicKey) {
        let provisioner = provisioner
        let label = try label()
        let id = id ?? uri.id ?? (0..<8).map { _ in UInt8.random(in: 0 ... .max) }
        return try await translatingErrors {
            try await BlockingWork.run {
                try Self.requireFree(label: label, id: id, provisioner)
                let material = try Self.generate(kind, label: label, id: id, provisioner)
                var key = PKCS11URI()
                key.object = Array(label.utf8)
                key.id = id
                key.type = .privateKey
                guard let made = try provisioner.objects(key).first else {
                    throw PKCS11Error(
                        .objectNotFound, "the token made a key pair and does not show the private key",
                        token: provisioner.token.label)
                }
                return (made.uri, try PublicKey(material))
            }
        }
    }

    private func label() throws(MTLSError) -> String {
        guard let object = uri.object, !object.isEmpty, let label = String(validating: object, as: UTF8.self) else {
            throw MTLSError(
                .tokenURIInvalid, phase: .prepare, fault: .caller, "\(uri.formatted) gives the new key no name",
                advice: "add ;object=NAME to the URI")
        }
        return label
    }

    private static func requireFree(label: String, id: [UInt8], _ provisioner: TokenProvisioner) throws(PKCS11Error) {
        var (byLabel, byID) = (PKCS11URI(), PKCS11URI())
        byLabel.object = Array(label.utf8)
        byID.id = id
        let taken = try provisioner.objects(byLabel) + provisioner.objects(byID)
        if let taken = taken.first {
            throw PKCS11Error(
                .ambiguous, "there is \(taken.uri.formatted) already",
                advice: "choose another label and another identifier, or delete it first",
                token: provisioner.token.label)
        }
    }

    private static func generate(
        _ kind: PKCS11.KeyKind, label: String, id: [UInt8], _ provisioner: TokenProvisioner
    ) throws(PKCS11Error) -> PublicKeyMaterial {
        do throws(PKCS11Error) { return try provisioner.generateKeyPair(kind, label: label, id: id) } catch {
            guard error.kind == .mechanismMissing else { throw error }
            throw PKCS11Error(
                .mechanismMissing, "the token does not make keys of this kind: \(error.message)",
                advice: "choose another --type", function: error.function, returnCode: error.returnCode,
                token: provisioner.token.label)
        }
    }

    /// Makes a request for a certificate, signed by the key in the token.
    ///
    /// - Parameter subject: The distinguished name in the form of RFC 4514.
    /// - Returns: The request (PKCS#10) in DER.
    package func request(subject: String, names: AlternativeNames) async throws(MTLSError) -> [UInt8] {
        try await translatingErrors {
            try DistinguishedName.check(subject)
            return try await sign { try CertificationRequest.make(subject: subject, names: names, signer: $0) }
        }
    }

    /// Makes a certificate that the key itself signs, for tests, and stores it under the key's identifier.
    ///
    /// - Parameters:
    ///   - days: How long it is valid, from an hour ago.
    ///   - replace: Deletes the certificates that the key had before.
    package func selfSign(
        subject: String, names: AlternativeNames, days: Int, replace: Bool
    ) async throws(MTLSError) -> (certificate: Certificate, uri: PKCS11URI) {
        try await translatingErrors {
            try DistinguishedName.check(subject)
            let certificate = try await sign { signer in
                var builder = CertificateBuilder(subject: [], publicKey: signer.publicKey)
                builder.subjectText = subject
                builder.alternativeNames = names
                builder.notAfter = builder.notBefore + 3600 + Int64(days) * 86_400
                builder.keyUsage = .digitalSignature
                builder.extendedKeyUsages = [KeyPurpose.clientAuth]
                return try builder.sign(by: signer)
            }
            return (certificate, try await store([certificate], replace: replace)[0])
        }
    }

    /// Stores the key's certificate under its identifier, and the issuers that come with it beside.
    ///
    /// - Parameters:
    ///   - pem: The certificate, and perhaps its chain, in any order.
    ///   - replace: Deletes the certificates that the key had before.
    /// - Returns: The URIs of the certificates, the key's own first.
    /// - Throws: `keyMismatch` when none of them is the key's; `tokenAmbiguous` when the key has another already.
    package func importCertificates(pem: [UInt8], name: String, replace: Bool) async throws(MTLSError) -> [PKCS11URI] {
        let certificates = try IdentityFile.chain(pem, name: name)
        return try await translatingErrors {
            let publicKey = try await publicKey(orOneOf: certificates)
            guard let leaf = certificates.first(where: { $0.publicKey == publicKey }) else {
                throw MTLSError(
                    .keyMismatch, phase: .identity, fault: .caller,
                    "no certificate in \(name) belongs to the key \(uri.formatted)",
                    advice: "name the key for which the certificate was requested")
            }
            return try await store([leaf] + certificates.filter { $0 != leaf }, replace: replace)
        }
    }

    /// What the URI matches: what ``delete()`` would delete.
    package func matches() async throws(MTLSError) -> [TokenObject] {
        let (provisioner, uri) = (provisioner, uri)
        return try await translatingErrors {
            guard uri.namesObject else {
                throw MTLSError(
                    .tokenURIInvalid, phase: .prepare, fault: .caller, "\(uri.formatted) names no object",
                    advice: "add ;object=NAME or ;id=… to the URI")
            }
            return try await BlockingWork.run { try provisioner.objects(uri) }
        }
    }

    /// Deletes what the URI matches, and returns how many objects that were.
    package func delete() async throws(MTLSError) -> Int {
        let (provisioner, uri) = (provisioner, uri)
        return try await translatingErrors { try await BlockingWork.run { try provisioner.deleteObjects(uri) } }
    }
}

extension KeyManager {
    private var key: TokenKey { TokenKey(token, .uri(uri), pin: access.pin) }

    private func keyInfo() async throws -> KeyInfo {
        let key = key
        return try await token.lane.run { () throws(PKCS11Error) in try key.keyInfo() }
    }

    /// Runs `body` with a signer for the key, on a thread of the token's lane. What the token signs is verified.
    private func sign<Made: Sendable>(
        as publicKey: PublicKey? = nil, _ body: @escaping @Sendable (any ExternalSigner) throws -> Made
    ) async throws -> Made {
        let key = key
        let (token, name) = (token, uri.formatted)
        return try await token.lane.run { () throws(PKCS11Error) in
            var known = publicKey
            if known == nil { known = try key.keyInfo().publicKey.flatMap { try? PublicKey($0) } }
            guard let known else {
                throw PKCS11Error(
                    .objectNotFound, "the token does not show the public half of \(name)",
                    advice: "store the public key in the token, with the same CKA_ID", token: token.label)
            }
            let mechanisms = try token.mechanisms().values.filter(\.canSign).map(\.type)
            let signer = TokenSigner(key: key, publicKey: known, subject: name, mechanisms: Set(mechanisms))
            return Result { try body(signer) }
        }.get()
    }

    /// The key's public half or, where the token does not show it, that of the certificate which verifies what the key
    /// signs.
    private func publicKey(orOneOf certificates: [Certificate]) async throws -> PublicKey? {
        if let known = try await keyInfo().publicKey.flatMap({ try? PublicKey($0) }) { return known }
        for certificate in certificates {
            do {
                try await sign(as: certificate.publicKey) { _ = try TestSignature.make($0) }
                return certificate.publicKey
            } catch let error as MTLSError where error.code == .signatureInvalid || error.code == .mechanismMissing {
                continue
            }
        }
        return nil
    }

    private func store(_ chain: [Certificate], replace: Bool) async throws -> [PKCS11URI] {
        let info = try await keyInfo()
        let provisioner = provisioner
        return try await BlockingWork.run {
            var all = PKCS11URI()
            all.type = .certificate
            let present = try provisioner.objects(all)
            var uris: [PKCS11URI] = []
            for (number, certificate) in chain.enumerated() {
                let isLeaf = number == 0
                if let same = present.first(where: {
                    $0.certificate == certificate.der && (!isLeaf || $0.id == info.id)
                }) {
                    uris.append(same.uri)
                    continue
                }
                if isLeaf, !info.id.isEmpty { try Self.replace(present.filter { $0.id == info.id }, replace) }
                let label = isLeaf ? info.label.description : certificate.subject
                let id = isLeaf ? info.id : []
                try provisioner.importCertificate(
                    certificate.der, subjectDER: certificate.rawSubject, issuerDER: certificate.rawIssuer,
                    serialDER: certificate.serialNumberDER, label: label, id: id)
                uris.append(provisioner.token.uri.object(.certificate, label: TokenText(Array(label.utf8)), id: id))
            }
            if replace, !info.id.isEmpty {
                try provisioner.deleteCertificates(id: info.id, except: chain[0].der)
            }
            return uris
        }
    }

    /// Refuses to put a second certificate beside one that is there, unless that shall go.
    private static func replace(_ others: [TokenObject], _ replace: Bool) throws(PKCS11Error) {
        guard let other = others.first, !replace else { return }
        throw PKCS11Error(
            .ambiguous, "the key has a certificate already: \(other.uri.formatted)",
            advice: "replace it with --replace")
    }
}

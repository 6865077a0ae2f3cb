import GnuTLS
import MTLSCore
import PKCS11
import SecretMemory

/// An identity whose key is in a token, found when it is first wanted.
///
/// Finding it asks for no PIN as long as its certificate is public, as certificates are: the key itself is looked for
/// when it signs, after the login.
struct TokenIdentity: IdentitySource {
    private let loaded: AsyncOnce<ClientIdentity>

    init(key: String, certificate: String?, pin: SecretSource?, module: String?, sessionLimit: Int?) {
        // Not the text: it may hold a PIN.
        let uri = Result { () throws(PKCS11Error) in try PKCS11URI(key) }
        loaded = AsyncOnce {
            do {
                return try await Self.load(
                    uri: try uri.get(), certificate: certificate, pin: pin, module: module, sessionLimit: sessionLimit)
            } catch let error as PKCS11Error {
                throw MTLSError.token(error, phase: .identity)
            }
        }
    }

    func candidates(for endpoint: Endpoint) async throws -> [ClientIdentity] { [try await loaded.value()] }

    private static func load(
        uri: PKCS11URI, certificate: String?, pin source: SecretSource?, module path: String?, sessionLimit: Int?
    ) async throws -> ClientIdentity {
        let pin = try PINs(source: source, uri: uri)
        let token = try await TokenAccess.search(uri, module: path, sessionLimit: sessionLimit)
        let (chain, selector) = try await CertificateSearch.credentials(
            uri, certificate: certificate, token: token, pin: pin, module: path)
        guard let leaf = chain.first else { throw PKCS11Error(.objectNotFound, "there is no certificate") }

        let mechanisms = try await token.lane.run { () throws(PKCS11Error) in try token.mechanisms() }
        let signer = TokenSigner(
            key: TokenKey(token, selector, pin: pin), publicKey: leaf.publicKey, subject: leaf.subject,
            mechanisms: Set(mechanisms.values.lazy.filter(\.canSign).map(\.type)))
        do {
            return ClientIdentity(
                certifiedKey: try CertifiedKey(chain: chain, key: .external(signer)), source: uri.formatted,
                isInToken: true)
        } catch {
            throw MTLSError(
                .identityMalformed, phase: .identity, fault: .token,
                "the certificate of \(uri.formatted) cannot be used: \(error)", underlying: error)
        }
    }
}

/// Looks for the certificate of a key, and for its issuers, in a token. On a thread of the token's lane.
struct CertificateSearch: Sendable {
    let token: Token
    /// Nil: nobody logs in.
    let pin: (any PINProvider)?
    /// Whether the key is in the same token, so that it can tell which certificate is its own.
    let keyIsIn: Bool

    struct Found {
        let chain: [Certificate]
        /// `CKA_ID` of the leaf.
        let id: [UInt8]
    }

    /// The chain of the identity that `uri` names, and how its key is told from others.
    ///
    /// - Parameter certificate: A file or a URI, where the chain is not found with the key.
    static func credentials(
        _ uri: PKCS11URI, certificate: String?, token: Token, pin: (any PINProvider)?, module path: String?
    ) async throws -> (chain: [Certificate], key: TokenKey.Selector) {
        if let certificate, !PKCS11URI.isURI(certificate) {
            return (try await BlockingWork.run { try IdentityFile.chain(certificate) }, .uri(uri))
        }
        let other = try certificate.map { (text: String) throws(PKCS11Error) in try PKCS11URI(text) }
        let holder = if let other { try await TokenAccess.search(other, module: path) } else { token }
        let search = CertificateSearch(token: holder, pin: pin, keyIsIn: holder === token)
        let found = try await holder.lane.run { () throws(PKCS11Error) in
            Result { try search.find(other ?? uri) }
        }.get()
        let isByID = other == nil && uri.type != .privateKey && !found.id.isEmpty
        return (found.chain, isByID ? .id(found.id) : .uri(uri))
    }

    func find(_ uri: PKCS11URI) throws -> Found {
        let match = try leaf(uri)
        let leaf = try certificate(match)
        let others = try token.findCertificates(token.uri).compactMap { try? certificate($0) }
        return Found(chain: Self.chain(of: leaf, among: others), id: match.id)
    }

    private func leaf(_ uri: PKCS11URI) throws(PKCS11Error) -> TokenCertificate {
        var matches = try token.findCertificates(uri)
        if matches.isEmpty, uri.type != .certificate, keyIsIn { matches = try byKey(uri) }
        // Some tools make certificates private: they show after the login.
        if matches.isEmpty, uri.type == .certificate || !uri.namesObject {
            matches = try token.findCertificates(uri, pin: pin)
        }
        // Certificates of authorities may stand under the same label or identifier.
        if matches.count > 1 {
            let leaves = matches.filter { (try? certificate($0))?.isCA == false }
            if !leaves.isEmpty { matches = leaves }
        }
        guard let match = matches.first else {
            let all = try token.findCertificates(token.uri)
            throw PKCS11Error(
                .objectNotFound, "the token has no certificate for \(uri.formatted)",
                advice: all.isEmpty
                    ? "it has no certificates: give the certificate's file"
                    : "it has: \(Self.list(all)); or give the certificate's file", token: token.label)
        }
        guard matches.count == 1 else {
            throw PKCS11Error(
                .ambiguous, "\(matches.count) certificates match \(uri.formatted)",
                advice: "choose one of: \(Self.list(matches))", token: token.label)
        }
        return match
    }

    /// The labels of key and certificate may differ; `CKA_ID` may not. This is the one case in which the PIN is asked for
    /// before a signature: private keys are hidden until then.
    private func byKey(_ uri: PKCS11URI) throws(PKCS11Error) -> [TokenCertificate] {
        guard uri.namesObject else { return [] }
        let keys = try token.findPrivateKeys(uri, pin: pin)
        guard let key = keys.first, keys.count == 1, !key.id.isEmpty else { return [] }
        var search = PKCS11URI()
        search.id = key.id
        return try token.findCertificates(search)
    }

    private func certificate(_ match: TokenCertificate) throws(PKCS11Error) -> Certificate {
        do {
            return try Certificate(der: match.der)
        } catch {
            throw PKCS11Error(
                .failed, "\(match.uri.formatted) is not a certificate that can be read", token: token.label)
        }
    }

    private static func list(_ certificates: [TokenCertificate]) -> String {
        certificates.prefix(20).map(\.uri.formatted).joined(separator: ", ")
            + (certificates.count > 20 ? " and \(certificates.count - 20) more" : "")
    }

    /// The leaf and its issuers as far as `others` has them, without the root. Authorities that were renewed share their
    /// name: the one that signed is the issuer.
    static func chain(of leaf: Certificate, among others: [Certificate]) -> [Certificate] {
        var chain = [leaf]
        while chain.count < 8, let last = chain.last, !last.isSelfIssued,
            let issuer = others.first(where: { $0.isCA && last.isIssued(by: $0) }), !issuer.isSelfIssued,
            !chain.contains(issuer)
        {
            chain.append(issuer)
        }
        return chain
    }
}

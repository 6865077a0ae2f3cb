import GnuTLS
import MTLSCore
import PKCS11
import SecretMemory

import func Glibc.time

/// Which key in which token, as ``Identity/token(_:pin:certificate:module:sessions:keepingPIN:allowingModulePath:)`` was
/// told.
struct TokenIdentityOptions: Sendable {
    var certificate: String?
    var pin: SecretSource?
    var module: String?
    var sessions: Int?
    var retention = PINRetention.askEachLogin
    var allowsModulePath = false
    /// Whether every usable pair of certificate and key is a candidate, instead of the one that the URI must name.
    var wantsAll = false
}

/// An identity whose key is in a token, found when it is first wanted, and anew when that is demanded or the file of its
/// certificate changes.
///
/// Finding it asks for no PIN as long as its certificate is public, as certificates are: the key itself is looked for
/// when it signs, after the login.
enum TokenIdentity {
    static func source(_ text: String, _ options: TokenIdentityOptions) -> RotatingIdentity {
        // Not the text: it may hold a PIN.
        let uri = Result { () throws(PKCS11Error) in try PKCS11URI(text) }
        let file = options.certificate.flatMap { PKCS11URI.isURI($0) ? nil : $0 }
        return RotatingIdentity(files: file.map { [$0] } ?? []) { occasion in
            do {
                return try await load(try uri.get(), options, occasion)
            } catch let error as PKCS11Error {
                throw MTLSError.token(error, phase: .identity)
            }
        }
    }

    private static func load(
        _ uri: PKCS11URI, _ options: TokenIdentityOptions, _ occasion: RotatingIdentity.Occasion
    ) async throws -> [ClientIdentity] {
        guard uri.modulePath == nil || options.allowsModulePath else {
            throw MTLSError(
                .tokenURIInvalid, phase: .identity, fault: .caller,
                "the URI names a module to load by its path, which is not allowed here",
                advice: "give the module's path beside the URI, or allow it with allowingModulePath")
        }
        let pin = KeptPIN(try PINs(source: options.pin, uri: uri), options.retention)
        let token = try await TokenAccess.search(uri, module: options.module, sessionLimit: options.sessions)
        let mechanisms = try await token.lane.run { () throws(PKCS11Error) in try token.mechanisms() }
        let usable = Set(mechanisms.values.lazy.filter(\.canSign).map(\.type))
        let found =
            options.wantsAll
            ? try await CertificateSearch.all(uri, token: token, pin: pin)
            : [
                try await CertificateSearch.credentials(
                    uri, certificate: options.certificate, token: token, pin: pin, module: options.module)
            ]
        // A key that is not there must not take the place of one that is. When nobody asks for it, that is no reason to
        // ask for a PIN.
        let confirms = occasion == .demanded || occasion == .changed && token.isLoggedIn
        var identities: [ClientIdentity] = []
        for (chain, selector) in found {
            guard let leaf = chain.first else { throw PKCS11Error(.objectNotFound, "there is no certificate") }
            let signer = TokenSigner(
                key: TokenKey(token, selector, pin: pin), publicKey: leaf.publicKey, subject: leaf.subject,
                mechanisms: usable, kept: pin)
            if confirms { try await signer.confirmKey() }
            do {
                identities.append(
                    ClientIdentity(
                        certifiedKey: try CertifiedKey(chain: chain, key: .external(signer)), source: uri.formatted,
                        isInToken: true))
            } catch {
                throw MTLSError(
                    .identityMalformed, phase: .identity, fault: .token,
                    "the certificate of \(uri.formatted) cannot be used: \(error)", underlying: error)
            }
        }
        return identities
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

    /// Every leaf that is for clients, valid today and has an identifier by which its key can be found, with its chain.
    static func all(
        _ uri: PKCS11URI, token: Token, pin: any PINProvider
    ) async throws -> [(chain: [Certificate], key: TokenKey.Selector)] {
        let search = CertificateSearch(token: token, pin: pin, keyIsIn: true)
        let now = Int64(time(nil))
        let found = try await token.lane.run { () throws(PKCS11Error) in
            Result { try search.everything(uri, now: now) }
        }.get()
        guard !found.isEmpty else {
            throw PKCS11Error(
                .objectNotFound, "the token has no certificate for clients that is valid today and has an identifier",
                advice: "look at what it has: mtls tokens list \(uri.shellQuoted)", token: token.label)
        }
        return found
    }

    private func everything(
        _ uri: PKCS11URI, now: Int64
    ) throws -> [(chain: [Certificate], key: TokenKey.Selector)] {
        let all = try token.findCertificates(token.uri).compactMap { try? certificate($0) }
        return try token.findCertificates(uri, pin: pin).compactMap { match in
            guard !match.id.isEmpty, let leaf = try? certificate(match), !leaf.isCA,
                leaf.permits(KeyPurpose.clientAuth), leaf.notBefore <= now, now <= leaf.notAfter
            else { return nil }
            return (Self.chain(of: leaf, among: all), .id(match.id))
        }
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

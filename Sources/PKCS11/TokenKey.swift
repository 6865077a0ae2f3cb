import CP11Kit
import Synchronization

/// A private key in a token. It is looked for when it is first used, and again after the token was lost.
package final class TokenKey: Sendable {
    /// How the key is told from others in its token.
    package enum Selector: Sendable, Equatable {
        /// By the label and identifier in a URI, whose `type` does not matter.
        case uri(PKCS11URI)
        /// By `CKA_ID`.
        case id([UInt8])

        fileprivate var uri: PKCS11URI {
            switch self {
            case .uri(let uri): return uri
            case .id(let id):
                var uri = PKCS11URI()
                uri.id = id
                return uri
            }
        }
    }

    private struct Found {
        let handle: CK_OBJECT_HANDLE
        let generation: Int
        let info: KeyInfo
    }

    package let token: Token
    package let selector: Selector
    private let pin: (any PINProvider)?
    private let found = Mutex<Found?>(nil)
    /// The public half that the key had at first: what is found later must be the same key.
    private let known = Mutex<PublicKeyMaterial?>(nil)

    /// - Parameter pin: Where the PIN comes from, if the token wants one.
    package init(_ token: Token, _ selector: Selector, pin: (any PINProvider)? = nil) {
        self.token = token
        self.selector = selector
        self.pin = pin
    }

    /// Signs `data` as it is, on a thread of the token's lane only. It blocks until the token has signed, which may take
    /// a person's touch, and cannot be interrupted.
    ///
    /// The caller verifies the signature: tokens err.
    ///
    /// - Throws: `objectNotFound` or `ambiguous`, listing the keys by URI, where the selector does not match exactly
    ///   one; `pinMissing`, `pinIncorrect`, `pinLocked` or `pinTriesLow`; `removed`, `mechanismMissing`, `cancelled`,
    ///   `failed`; `internal` on a thread that is not of the lane.
    package func sign(_ mechanism: SigningMechanism, _ data: [UInt8]) throws(PKCS11Error) -> [UInt8] {
        try withKey { (session: Session, key: Found) throws(PKCS11Error) -> [UInt8] in
            guard key.info.alwaysAuthenticates else {
                try session.beginSignature(mechanism, key: key.handle)
                return try session.finishSignature(data)
            }
            self.token.exclusive.lock()
            defer { self.token.exclusive.unlock() }
            try session.beginSignature(mechanism, key: key.handle)
            do throws(PKCS11Error) {
                try self.token.login.authenticate(on: session, .contextSpecific, pin: self.pin)
            } catch {
                // The signature that was begun is pending.
                session.condition = .unknown
                throw error
            }
            return try session.finishSignature(data)
        }
    }

    /// What the token says of the key. On a thread of the token's lane only; it throws as ``sign(_:_:)`` does.
    package func keyInfo() throws(PKCS11Error) -> KeyInfo {
        if let info = found.withLock({ $0?.info }) { return info }
        return try withKey { (_: Session, key: Found) throws(PKCS11Error) in key.info }
    }

    /// Whether the token gives the private value away when it is asked for it. On a thread of the token's lane only; it
    /// throws as ``sign(_:_:)`` does.
    package func revealsItsValue() throws(PKCS11Error) -> Bool {
        try withKey { (session: Session, key: Found) throws(PKCS11Error) in
            let secrets = key.info.type == .rsa ? [CKA_PRIVATE_EXPONENT, CKA_PRIME_1] : [CKA_VALUE]
            for secret in secrets where try session.attribute(secret, of: key.handle) != nil { return true }
            return false
        }
    }

    private func withKey<Result>(
        _ body: (Session, Found) throws(PKCS11Error) -> Result
    ) throws(PKCS11Error) -> Result {
        try token.withSession(pin: pin) { (session: Session) throws(PKCS11Error) -> Result in
            do throws(PKCS11Error) {
                return try body(session, try self.resolve(session))
            } catch {
                if error.returnCode?.remedy == .refind { self.found.withLock { $0 = nil } }
                throw error
            }
        }
    }

    private func resolve(_ session: Session) throws(PKCS11Error) -> Found {
        if let found = found.withLock({ $0 }), found.generation == session.generation { return found }
        let handles = try session.find(selector.uri.template(CKO_PRIVATE_KEY))
        guard handles.count == 1 else {
            throw handles.isEmpty ? try notFound(session) : try ambiguous(session, handles)
        }
        let info = try session.keyInfo(of: handles[0])
        let isSameKey = known.withLock { known in
            if known == nil { known = info.publicKey }
            return known == info.publicKey
        }
        guard isSameKey else {
            throw PKCS11Error(
                .failed,
                info.publicKey == nil
                    ? "the token does not show the public half of \(selector.uri.formatted) any more"
                    : "the token now holds another key under \(selector.uri.formatted)",
                advice: "load the identity again")
        }
        let found = Found(handle: handles[0], generation: session.generation, info: info)
        self.found.withLock { $0 = found }
        return found
    }

    private func notFound(_ session: Session) throws(PKCS11Error) -> PKCS11Error {
        let message = "the token has no private key that matches \(selector.uri.formatted)"
        // A login follows, and shows more.
        if token.wantsLogin, !token.login.isDone(in: session.generation) {
            return PKCS11Error(.objectNotFound, message)
        }
        let others = try session.find([Attribute(CKA_CLASS, number: CKO_PRIVATE_KEY)])
        return PKCS11Error(
            .objectNotFound, message,
            advice: others.isEmpty ? "it shows no private keys" : "it has: \(try list(session, others))")
    }

    private func ambiguous(_ session: Session, _ handles: [CK_OBJECT_HANDLE]) throws(PKCS11Error) -> PKCS11Error {
        PKCS11Error(
            .ambiguous, "\(handles.count) private keys match \(selector.uri.formatted)",
            advice: "choose one of: \(try list(session, handles))")
    }

    private func list(_ session: Session, _ handles: [CK_OBJECT_HANDLE]) throws(PKCS11Error) -> String {
        var uris: [String] = []
        for handle in handles.prefix(20) {
            let (label, id) = try session.names(of: handle)
            uris.append(token.uri.object(.privateKey, label: label, id: id).formatted)
        }
        return uris.joined(separator: ", ") + (handles.count > 20 ? " and \(handles.count - 20) more" : "")
    }
}

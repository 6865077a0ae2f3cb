import GnuTLS
package import MTLSCore
package import PKCS11

/// The tokens that there are, and what they hold, for people who look for the URI of their key.
package struct TokenInventory: Sendable {
    /// A certificate or private key.
    package struct Object: Sendable {
        package let type: PKCS11URI.ObjectType
        package let label: TokenText
        package let id: [UInt8]
        package let uri: PKCS11URI
        /// What it is, for people.
        package let summary: String
        /// The private key does not show, but a certificate or public key has its identifier: after a login it would.
        package let isInferred: Bool
    }

    package struct Entry: Sendable {
        package let slot: SlotInfo
        package let token: TokenInfo
        package var objects: [Object] = []
        /// Why the objects are not all known.
        package var trouble: MTLSError?
    }

    package struct Module: Sendable {
        package let path: String
        package let info: ModuleInfo
        package var entries: [Entry] = []
        package var trouble: MTLSError?
    }

    package private(set) var modules: [Module] = []
    /// The modules that cannot be loaded.
    package private(set) var failures: [MTLSError] = []

    /// Looks into the tokens that the URI matches; into those of all modules that p11-kit is configured with, when
    /// neither the URI nor `path` names one.
    ///
    /// - Parameter pin: Where PINs come from; nil: nobody logs in, and private keys are inferred.
    package static func read(
        _ uri: PKCS11URI, module path: String?, logsIn: Bool, pin: SecretSource?
    ) async throws(MTLSError) -> TokenInventory {
        let provider: RememberedPIN? = logsIn ? RememberedPIN(try PINs(source: pin, uri: uri)) : nil
        return try await translatingErrors {
            let (modules, failures) = try await Token.searchLane.run { () throws(PKCS11Error) in
                try Self.modules(uri, path)
            }
            var inventory = TokenInventory()
            inventory.failures = failures.map { MTLSError.token($0, phase: .identity) }
            for module in modules where uri.matches(module.info) {
                inventory.modules.append(await look(into: module, uri, provider))
            }
            return inventory
        }
    }

    private static func modules(
        _ uri: PKCS11URI, _ path: String?
    ) throws(PKCS11Error) -> (modules: [PKCS11Module], failures: [PKCS11Error]) {
        if let path { return ([try PKCS11Module.load(path: path)], []) }
        guard uri.modulePath == nil, uri.moduleName == nil else { return (try PKCS11Module.modules(for: uri), []) }
        return PKCS11Module.loadAll()
    }

    private static func look(into module: PKCS11Module, _ uri: PKCS11URI, _ pin: RememberedPIN?) async -> Module {
        var result = Module(path: module.path, info: module.info)
        do throws(PKCS11Error) {
            let slots = try await Token.searchLane.run { () throws(PKCS11Error) in try module.slots() }
            for slot in slots where uri.matches(slot) {
                result.entries.append(await look(into: slot, of: module, uri, pin))
            }
        } catch {
            result.trouble = MTLSError.token(error, phase: .identity)
        }
        return result
    }

    private static func look(
        into slot: SlotWithToken, of module: PKCS11Module, _ uri: PKCS11URI, _ pin: RememberedPIN?
    ) async -> Entry {
        var entry = Entry(slot: slot.slot, token: slot.token)
        guard slot.token.flags.contains(.tokenInitialized) else { return entry }
        do throws(PKCS11Error) {
            let token = try await Token.search(PKCS11URI(slot.token), in: module)
            if let pin, token.wantsLogin {
                do throws(PKCS11Error) {
                    try await token.lane.run { () throws(PKCS11Error) in try token.logIn(pin: pin) }
                } catch {
                    entry.trouble = MTLSError.token(error, phase: .identity)
                }
            }
            let objects = try await token.lane.run { () throws(PKCS11Error) in try token.objects(uri.withoutType) }
            entry.objects = list(objects, in: token).filter { uri.type == nil || $0.type == uri.type }
        } catch {
            entry.trouble = entry.trouble ?? MTLSError.token(error, phase: .identity)
        }
        return entry
    }

    /// The certificates and private keys among `objects`, and the private keys that the others let one expect.
    private static func list(_ objects: [TokenObject], in token: Token) -> [Object] {
        var list: [Object] = []
        var seen: Set<[UInt8]> = []
        for key in objects where key.type == .privateKey {
            seen.insert(key.id)
            // The token may show the public half with the public key alone.
            let twin = objects.first { $0.type == .publicKey && $0.id == key.id }
            list.append(Object(key, kind(of: key.publicKey ?? twin?.publicKey), isInferred: false))
        }
        for key in objects where key.type == .publicKey && !key.id.isEmpty && seen.insert(key.id).inserted {
            list.append(Object(key, kind(of: key.publicKey), isInferred: true, in: token))
        }
        for object in objects where object.type == .certificate {
            let certificate = object.certificate.flatMap { try? Certificate(der: $0) }
            if let certificate, !certificate.isCA, !object.id.isEmpty, seen.insert(object.id).inserted {
                list.append(Object(object, certificate.publicKey.forPeople, isInferred: true, in: token))
            }
            let summary = certificate.map { "\"\($0.subject)\", until \(Calendar.text($0.notAfter))" }
            list.append(Object(object, summary ?? "not a certificate that can be read", isInferred: false))
        }
        return list
    }

    private static func kind(of material: PublicKeyMaterial?) -> String {
        material.flatMap { try? PublicKey($0) }?.forPeople ?? "of a kind that does not show"
    }
}

extension TokenInventory.Object {
    fileprivate init(_ object: TokenObject, _ summary: String, isInferred: Bool, in token: Token? = nil) {
        type = isInferred ? .privateKey : object.type
        label = object.label
        id = object.id
        // The labels of certificate, public and private key may differ: the identifier does not.
        uri = token.map { $0.uri.object(.privateKey, label: nil, id: object.id) } ?? object.uri
        self.summary = summary
        self.isInferred = isInferred
    }
}

extension PKCS11URI {
    fileprivate var withoutType: PKCS11URI {
        var copy = self
        copy.type = nil
        return copy
    }
}

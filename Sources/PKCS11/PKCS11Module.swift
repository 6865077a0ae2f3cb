#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif
import CP11Kit
import Synchronization

/// A loaded PKCS#11 module.
///
/// There is one object per module in the process; it is never unloaded by itself, because C++ modules and their threads
/// do not survive that. Loading ignores SIGPIPE in the process: modules that talk to a server raise it when the server
/// is gone. A process must not fork after it has loaded a module.
package final class PKCS11Module: Sendable {
    /// The path of the shared object.
    package let path: String
    /// What the module says of itself.
    package let info: ModuleInfo
    let cryptoki: Cryptoki
    private let handle: LoadedModule

    private init(path: String, handle: LoadedModule) throws(PKCS11Error) {
        self.path = path
        self.handle = handle
        cryptoki = handle.cryptoki
        info = try cryptoki.moduleInfo()
    }

    /// The initialised slots, with the tokens in them. Slots that fail or hold a token without contents are left out.
    ///
    /// It blocks as long as the module likes.
    package func tokens() throws(PKCS11Error) -> [SlotWithToken] { try survey().tokens }

    /// The tokens, and why a slot was left out. A module that is not initialised any more is initialised again.
    ///
    /// - Parameter restarting: Whether that is done, too, when the module seems to have lost what it speaks to, and nobody
    ///   calls it: listing slots asks nothing of a token, and a module that found no service when it was initialised goes
    ///   on to show no slots when the service is back. Nobody has sessions to lose then.
    func survey(restarting: Bool = false) throws(PKCS11Error) -> (tokens: [SlotWithToken], failure: PKCS11Error?) {
        let restarts = handle.restarts
        do throws(PKCS11Error) {
            let found = try slotsWithTokens()
            guard restarting, found.tokens.isEmpty else { return found }
            do throws(PKCS11Error) { try handle.restart(seen: restarts, patience: 0) } catch { return found }
        } catch {
            let isLost = restarting && error.returnCode?.remedy == .reopen
            guard isLost || error.returnCode?.rawValue == CKR_CRYPTOKI_NOT_INITIALIZED else { throw error }
            try handle.restart(seen: restarts)
        }
        return try slotsWithTokens()
    }

    private func slotsWithTokens() throws(PKCS11Error) -> (tokens: [SlotWithToken], failure: PKCS11Error?) {
        var tokens: [SlotWithToken] = []
        var failure: PKCS11Error?
        for slot in try cryptoki.slots(withToken: true) {
            do throws(PKCS11Error) {
                let found = SlotWithToken(slot: try cryptoki.slotInfo(slot), token: try cryptoki.tokenInfo(slot))
                if found.token.flags.contains(.tokenInitialized) { tokens.append(found) }
            } catch {
                failure = error
            }
        }
        return (tokens, failure)
    }
}

extension PKCS11Module {
    private static let registryLock = Monitor()
    nonisolated(unsafe) private static var registry: [String: PKCS11Module] = [:]  // safe: guarded by registryLock

    /// Loads the module at an absolute path, or returns the one that was loaded before.
    ///
    /// It blocks; an error is of kind `moduleUnavailable`.
    package static func load(path: String) throws(PKCS11Error) -> PKCS11Module {
        guard path.hasPrefix("/") else {
            throw PKCS11Error(
                .moduleUnavailable, "the path of the PKCS#11 module is not absolute: \(TokenText(Array(path.utf8)))",
                advice: "give the whole path, or the name of a module that p11-kit knows")
        }
        let path = try LoadedModule.checkedPath(path)
        registryLock.lock()
        defer { registryLock.unlock() }
        if let module = registry[path] { return module }
        return try register(path: path) { () throws(PKCS11Error) in try LoadedModule.load(path: path) }
    }

    /// Loads the module that p11-kit's configuration calls `name`.
    package static func load(name: String) throws(PKCS11Error) -> PKCS11Module {
        registryLock.lock()
        defer { registryLock.unlock() }
        let candidates = LoadedModule.configured()
        let chosen = candidates.firstIndex { $0.name == name }
        for (index, candidate) in candidates.enumerated() where index != chosen { candidate.release() }
        if let chosen { return try register(candidates[chosen]) }
        let names = candidates.map { TokenText(Array($0.name.utf8)).description }.joined(separator: ", ")
        throw PKCS11Error(
            .moduleUnavailable, "p11-kit knows no module named \(TokenText(Array(name.utf8)))",
            advice: names.isEmpty ? "p11-kit has no modules configured" : "it knows: \(names)")
    }

    /// Loads every module that p11-kit is configured with, but for stores of trust anchors. Those that fail are left
    /// out; the second result says why.
    package static func loadAll() -> (modules: [PKCS11Module], failures: [PKCS11Error]) {
        registryLock.lock()
        defer { registryLock.unlock() }
        var modules: [PKCS11Module] = []
        var failures: [PKCS11Error] = []
        for candidate in LoadedModule.configured() {
            if candidate.isTrustStore {
                candidate.release()
            } else {
                do throws(PKCS11Error) { modules.append(try register(candidate)) } catch { failures.append(error) }
            }
        }
        return (modules, failures)
    }

    /// The modules that a URI asks for: the one it names, or all.
    package static func modules(for uri: PKCS11URI) throws(PKCS11Error) -> [PKCS11Module] {
        if let path = uri.modulePath { return [try load(path: path)] }
        if let name = uri.moduleName { return [try load(name: name)] }
        let (modules, failures) = loadAll()
        if modules.isEmpty {
            throw failures.first
                ?? PKCS11Error(
                    .moduleUnavailable, "p11-kit has no PKCS#11 modules configured",
                    advice: "name the module's path, or add module-path to the URI")
        }
        return modules
    }

    /// Finalizes all modules, so that no sessions are left in tokens that outlive the process. For an orderly shutdown,
    /// when nothing uses a token any more; never from `atexit`. A module is left alone when a call in it has not returned.
    /// Tokens found before are of no use after it.
    package static func finalizeAll() {
        registryLock.lock()
        defer { registryLock.unlock() }
        Token.forgetAll()
        for module in registry.values { module.handle.finalize() }
        registry.removeAll()
    }

    private static func register(_ candidate: LoadedModule.Candidate) throws(PKCS11Error) -> PKCS11Module {
        if let module = registry[candidate.path] {
            candidate.release()
            return module
        }
        return try register(path: candidate.path) { () throws(PKCS11Error) in try candidate.initialize() }
    }

    private static func register(
        path: String, _ load: () throws(PKCS11Error) -> LoadedModule
    ) throws(PKCS11Error) -> PKCS11Module {
        let handle = try load()
        let module: PKCS11Module
        do throws(PKCS11Error) { module = try PKCS11Module(path: path, handle: handle) } catch {
            handle.finalize()
            throw error
        }
        registry[path] = module
        return module
    }
}

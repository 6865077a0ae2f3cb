import CP11Kit
import Synchronization

/// A token: one object for each in the process, so that the login, the refused PINs and the sessions are known to all.
///
/// Whatever asks the token blocks, and runs on the token's ``lane``.
package final class Token: @unchecked Sendable {  // safe: constants, but for known, which mechanismsLock guards
    package let module: PKCS11Module
    /// What the token said of itself when it was found.
    package let info: TokenInfo
    /// The threads on which the token is asked.
    package let lane: TokenLane
    let sessions: SessionPool
    let login: TokenLogin
    /// Held from the beginning of a signature to its end by keys that want the PIN each time: that login belongs to the
    /// token, not to the session.
    let exclusive = Monitor()
    private let slot: SlotInfo
    private let mechanismsLock = Monitor()
    private var known: [UInt: MechanismInfo]?

    private init(_ module: PKCS11Module, _ found: SlotWithToken, sessionLimit: Int?) {
        self.module = module
        info = found.token
        slot = found.slot
        let limit = Token.limit(sessionLimit, found)
        lane = TokenLane("the token \(found.token.label)", limit: limit)
        sessions = SessionPool(module, found, limit: limit)
        login = TokenLogin(found.token)
        lane.whenIdle { [sessions] in sessions.closeIdle(for: .seconds(TokenLane.idleSeconds)) }
    }

    /// Modules for things that people carry hold one lock anyway, and lose the login when sessions interleave.
    private static let defaultLimits = (removable: 1, fixed: 8)

    private static func limit(_ wanted: Int?, _ found: SlotWithToken) -> Int {
        let wanted = wanted ?? (found.slot.isRemovable ? defaultLimits.removable : defaultLimits.fixed)
        return max(1, min(wanted, (found.token.maxSessions ?? Int.max) - 1))
    }

    /// Allows `limit` signatures at a time, or as many as the token has sessions for.
    package func setSessionLimit(_ limit: Int) {
        let limit = Self.limit(limit, SlotWithToken(slot: slot, token: info))
        lane.setLimit(limit)
        sessions.setLimit(limit)
    }

    /// Says how long sessions live.
    package func setSessionPolicy(_ policy: SessionPolicy) { sessions.setPolicy(policy) }

    /// The number of the slot in which the token was found. It may be in another one by now.
    package var slotWhenFound: UInt { slot.id }

    /// How often the token was found to be lost. Answers at once, whatever the token is doing.
    package var losses: Int { sessions.losses.load(ordering: .relaxed) }
    /// How often a PIN was refused, or said to be right again. Answers at once, too.
    package var refusals: Int { login.refusals.load(ordering: .relaxed) }

    /// The label, escaped.
    package var label: String { info.label.description }

    /// The URI that names this token, and no object.
    package var uri: PKCS11URI { PKCS11URI(info) }

    /// Whether the token signs only after a login.
    package var wantsLogin: Bool { info.flags.isSuperset(of: [.loginRequired, .userPINInitialized]) }

    /// Whether a login has succeeded since the token was found, as far as this process knows.
    package var isLoggedIn: Bool { login.isDone(in: sessions.generation) }

    /// Forgets which PINs the token has refused, and lets the next one be tried though few tries are left, because
    /// somebody says that it is right now. It waits for a login that is in progress.
    package func clearLatch() { login.clearLatch() }

    /// Closes the sessions that nobody uses, the one that keeps the login included. The next operation opens and logs in
    /// anew. On a thread that may block.
    package func closeSessions() { sessions.closeFree() }

    /// Closes the sessions that nobody has used for `time`, as long as another keeps the login; it happens by itself after
    /// a minute. On a thread that may block.
    package func closeSessions(idleFor time: Duration) { sessions.closeIdle(for: time) }

    /// What the token can do, asked once. It blocks, like all that asks the token.
    package func mechanisms() throws(PKCS11Error) -> [UInt: MechanismInfo] {
        mechanismsLock.lock()
        defer { mechanismsLock.unlock() }
        if let known { return known }
        do throws(PKCS11Error) {
            let generation = sessions.generation
            let found: [UInt: MechanismInfo]
            do throws(PKCS11Error) { found = try askForMechanisms() } catch {
                guard error.returnCode?.remedy == .reopen else { throw error }
                sessions.abandon(generation)
                found = try askForMechanisms()
            }
            known = found
            return found
        } catch {
            throw error.naming(token: label)
        }
    }

    private func askForMechanisms() throws(PKCS11Error) -> [UInt: MechanismInfo] {
        let slot = try sessions.locate()
        var found: [UInt: MechanismInfo] = [:]
        for type in try module.cryptoki.mechanisms(of: slot) {
            var info = CK_MECHANISM_INFO()
            let code = module.cryptoki.result(\.C_GetMechanismInfo) { $0(slot, type, &info) }
            if code.remedy == .reopen { throw PKCS11Error("C_GetMechanismInfo", code) }
            found[type] = code == .ok ? MechanismInfo(type, info) : MechanismInfo(listed: type)
        }
        return found
    }

    /// Whether the token lists `mechanism` for signing.
    package func canSign(_ mechanism: SigningMechanism) throws(PKCS11Error) -> Bool {
        try mechanisms()[mechanism.type]?.canSign ?? false
    }
}

extension Token {
    private struct Key: Hashable {
        let module: ObjectIdentifier
        let serial: TokenText
        let label: TokenText
    }

    private static let registryLock = Monitor()
    nonisolated(unsafe) private static var registry: [Key: Token] = [:]  // safe: guarded by registryLock

    /// The threads that load modules and look for tokens.
    package static let searchLane = TokenLane("the search for tokens", limit: 4)

    /// Finds the one token that `uri` describes, in `module`, in the module that the URI names, or in all modules that
    /// p11-kit is configured with. It blocks: see ``search(_:in:sessionLimit:)``.
    ///
    /// - Parameter sessionLimit: How many signatures the token may be asked for at a time: one where the token can be
    ///   taken out of its slot, else eight, unless it is given here.
    /// - Throws: `tokenNotFound` or `ambiguous`, listing the tokens by URI; `moduleUnavailable`.
    package static func find(
        _ uri: PKCS11URI, in module: PKCS11Module? = nil, sessionLimit: Int? = nil
    ) throws(PKCS11Error) -> Token {
        let modules = if let module { [module] } else { try PKCS11Module.modules(for: uri) }
        var present: [(PKCS11Module, SlotWithToken)] = []
        var failure: PKCS11Error?
        var hidden: PKCS11Error?
        for module in modules where uri.matches(module.info) {
            do throws(PKCS11Error) {
                // Of all that are configured, many have no token.
                let found = try module.survey(restarting: modules.count == 1)
                present += found.tokens.map { (module, $0) }
                hidden = found.failure ?? hidden
            } catch {
                failure = error
            }
        }
        let matching = present.filter { uri.matches($0.1) }
        guard let match = matching.first else {
            if let failure { throw failure }
            throw PKCS11Error(
                .tokenNotFound, "no token matches \(uri.formatted)",
                advice: present.isEmpty ? "there is no initialised token in any slot" : "there are: \(list(present))",
                because: hidden)
        }
        guard matching.count == 1 else {
            throw PKCS11Error(
                .ambiguous, "\(matching.count) tokens match \(uri.formatted)",
                advice: "choose one of: \(list(matching))")
        }
        return token(match.0, match.1, sessionLimit: sessionLimit)
    }

    /// Finds a token as ``find(_:in:sessionLimit:)`` does, on a thread that may block.
    package static func search(
        _ uri: PKCS11URI, in module: PKCS11Module? = nil, sessionLimit: Int? = nil
    ) async throws(PKCS11Error) -> Token {
        try await searchLane.run { () throws(PKCS11Error) in try find(uri, in: module, sessionLimit: sessionLimit) }
    }

    private static func list(_ tokens: [(PKCS11Module, SlotWithToken)]) -> String {
        tokens.prefix(20).map { PKCS11URI($0.1.token).formatted }.joined(separator: ", ")
            + (tokens.count > 20 ? " and \(tokens.count - 20) more" : "")
    }

    /// The token with a label that is in the last slot that has one: where new tokens are.
    static func find(lastWith label: TokenText, in module: PKCS11Module) throws(PKCS11Error) -> Token {
        for slot in try module.cryptoki.slots(withToken: true).reversed() {
            guard let info = try? module.cryptoki.tokenInfo(slot), info.label == label else { continue }
            return token(
                module, SlotWithToken(slot: try module.cryptoki.slotInfo(slot), token: info), sessionLimit: nil)
        }
        throw PKCS11Error(.tokenNotFound, "no slot has a token with the label \(label)")
    }

    private static func token(_ module: PKCS11Module, _ found: SlotWithToken, sessionLimit: Int?) -> Token {
        let key = Key(module: ObjectIdentifier(module), serial: found.token.serial, label: found.token.label)
        let token = registryLock.withLock {
            let token = registry[key] ?? Token(module, found, sessionLimit: sessionLimit)
            registry[key] = token
            return token
        }
        if let sessionLimit { token.setSessionLimit(sessionLimit) }
        return token
    }

    /// Forgets one token, whose ``info`` no longer holds.
    static func forget(_ token: Token) {
        registryLock.withLock { registry = registry.filter { $0.value !== token } }
    }

    /// Empties the registry.
    static func forgetAll() { registryLock.withLock { registry.removeAll() } }
}

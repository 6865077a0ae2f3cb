import CP11Kit
import SecretMemory
import Synchronization

/// The login of one token: one at a time, and never twice with a PIN that the token has refused.
final class TokenLogin: @unchecked Sendable {  // safe: what is mutable is guarded by monitor
    private let identity: TokenInfo
    private let monitor = Monitor()
    private var refused: [SecretBytes] = []
    /// Somebody cleared the latch since the last refusal.
    private var isCleared = false
    private var outcome: Result<Void, PKCS11Error> = .success(())
    private let finished = Atomic(0)
    /// How often a PIN was refused, or said to be right again. Answers at once, whatever the token is doing.
    let refusals = Atomic(0)
    private let loggedInGeneration = Atomic(-1)

    init(_ identity: TokenInfo) { self.identity = identity }

    /// How many logins have ended. A thread that reads it before an operation can tell, when the operation fails for
    /// want of a login, whether another thread has logged in meanwhile.
    var attempts: Int { finished.load(ordering: .acquiring) }

    /// Whether a login has succeeded since the token was found.
    func isDone(in generation: Int) -> Bool { loggedInGeneration.load(ordering: .acquiring) == generation }

    /// How somebody who stands by logs in.
    private var byHand: String { "mtls tokens login \(PKCS11URI(identity).shellQuoted)" }

    /// Forgets which PINs were refused, and lets the next one be tried though few tries are left.
    func clearLatch() {
        refusals.add(1, ordering: .relaxed)
        monitor.withLock {
            refused.removeAll()
            isCleared = true
        }
    }

    /// Logs in on `session`. Threads that found themselves without a login at the same time share one attempt and its
    /// outcome: `seen` is what ``attempts`` was before the operation that failed.
    func logIn(on session: Session, seen: Int, pin: (any PINProvider)?) throws(PKCS11Error) {
        monitor.lock()
        defer { monitor.unlock() }
        if attempts != seen { return try outcome.get() }
        defer { finished.add(1, ordering: .acquiringAndReleasing) }
        do throws(PKCS11Error) {
            try authenticate(session, .login, pin)
            outcome = .success(())
            loggedInGeneration.store(session.generation, ordering: .releasing)
        } catch {
            outcome = .failure(error)
            throw error
        }
    }

    /// Authenticates one operation that has begun, or a session of one's own that a pool does not know.
    func authenticate(on session: Session, _ reason: PINRequest.Reason, pin: (any PINProvider)?) throws(PKCS11Error) {
        monitor.lock()
        defer { monitor.unlock() }
        try authenticate(session, reason, pin)
    }

    private func authenticate(
        _ session: Session, _ reason: PINRequest.Reason, _ pin: (any PINProvider)?
    ) throws(PKCS11Error) {
        let token = try session.cryptoki.tokenInfo(session.slot)
        guard token.isSameToken(as: identity) else {
            // The PIN of one token must not be tried on another.
            throw PKCS11Error(
                .removed, "another token is in the slot: \(token.label)", advice: "put the token back",
                returnCode: ReturnCode(rawValue: CKR_TOKEN_NOT_PRESENT))
        }
        let flags = token.flags
        guard flags.isSuperset(of: [.loginRequired, .userPINInitialized]) else { return }
        if flags.contains(.userPINLocked) {
            refusals.add(1, ordering: .relaxed)
            throw PKCS11Error(
                .pinLocked, "the PIN is locked", advice: "unlock it with the token's own tools (SO PIN or PUK)")
        }
        let user = reason == .login ? CKU_USER : CKU_CONTEXT_SPECIFIC
        if flags.contains(.protectedAuthenticationPath) {
            return try judge(session.logIn(user, nil), nil)
        }
        let secret = try answer(PINRequest(token, reason), pin)
        try judge(session.logIn(user, secret), secret)
    }

    /// A PIN that may be sent to the token.
    private func answer(_ request: PINRequest, _ pin: (any PINProvider)?) throws(PKCS11Error) -> SecretBytes {
        let answer: PINAnswer?
        do { answer = try pin?.pin(for: request) } catch let error as PKCS11Error { throw error } catch {
            throw PKCS11Error(
                error is CancellationError ? .cancelled : .pinMissing, "no PIN was supplied", underlying: error)
        }
        guard let answer else {
            throw PKCS11Error(
                .pinMissing, "the token wants a PIN, and there is none",
                advice: "configure a source for the PIN, or add pin-source=file:/path to the URI")
        }
        if refused.contains(answer.secret) {
            throw PKCS11Error(
                .pinIncorrect, "the token has refused this PIN before; it was not tried again",
                advice: "supply another PIN, or enter it by hand: run `\(byHand)`")
        }
        let isNew = answer.vouchedFor || isCleared || (!refused.isEmpty && !request.isFinalTry)
        if request.isFinalTry || request.isCountLow, !isNew {
            throw PKCS11Error(
                .pinTriesLow,
                request.isFinalTry
                    ? "one wrong PIN more locks the token; it was not tried unattended"
                    : "a wrong PIN was given before and few tries are left; it was not tried unattended",
                advice: "enter the right PIN once by hand: run `\(byHand)`")
        }
        return answer.secret
    }

    private func judge(_ code: ReturnCode, _ secret: SecretBytes?) throws(PKCS11Error) {
        if code == .ok || code.rawValue == CKR_USER_ALREADY_LOGGED_IN { return }
        if code.refusesPIN {
            isCleared = false
            refusals.add(1, ordering: .relaxed)
            if let secret { refused.append(secret) }
        }
        throw PKCS11Error("C_Login", code)
    }
}

extension PINRequest {
    fileprivate init(_ token: TokenInfo, _ reason: Reason) {
        tokenLabel = token.label.description
        tokenSerial = token.serial.description
        tokenManufacturer = token.manufacturer.description
        self.reason = reason
        isFinalTry = token.flags.contains(.userPINFinalTry)
        isCountLow = token.flags.contains(.userPINCountLow)
    }
}

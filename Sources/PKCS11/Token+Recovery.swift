extension Token {
    /// Calls `body` with a session, on a thread of this token's lane, and mends what a return code shows to be mendable:
    ///
    /// 1. The token was lost: no session is used again, it is looked for by serial number and label, and `body` runs again,
    ///    once.
    /// 2. A handle was stale: `body`, which forgets it, runs again, once.
    /// 3. Nobody is logged in, or nothing was found, which may have the same reason: log in, once, and run again.
    ///
    /// Nothing else is tried again: not a PIN, not what the token's owner declined, not what nobody understands.
    ///
    /// - Parameter pin: Where the PIN comes from; nil: a login that turns out to be needed fails with `pinMissing`.
    func withSession<Result>(
        pin: (any PINProvider)?, _ body: (Session) throws(PKCS11Error) -> Result
    ) throws(PKCS11Error) -> Result {
        guard lane.isCurrent else {
            throw PKCS11Error(
                .internal, "the token was asked on a thread that is not of its lane", token: label)
        }
        var loginSeen: Int?
        var (hasRetried, hasLoggedIn) = (false, false)
        while true {
            var generation = sessions.generation
            var (attempts, wasLoggedIn) = (login.attempts, false)
            do throws(PKCS11Error) {
                let session = try sessions.take()
                defer { sessions.give(back: session) }
                generation = session.generation
                // What is so before the attempt: another thread may log in while this one looks for the key.
                (attempts, wasLoggedIn) = (login.attempts, login.isDone(in: generation))
                do throws(PKCS11Error) {
                    if let seen = loginSeen {
                        loginSeen = nil
                        hasLoggedIn = true
                        try login.logIn(on: sessions.anchored() ?? session, seen: seen, pin: pin)
                    }
                    return try body(session)
                } catch {
                    // Another program may have logged everybody out.
                    if error.kind == .objectNotFound, wasLoggedIn, session.hasLostLogin { wasLoggedIn = false }
                    if let condition = error.returnCode?.sessionCondition { session.condition = condition }
                    if error.returnCode?.remedy == .reopen { sessions.abandon(generation, with: session) }
                    throw error
                }
            } catch {
                switch error.returnCode?.remedy {
                case .reopen where !hasRetried:
                    hasRetried = true
                    hasLoggedIn = false
                    sessions.abandon(generation)
                case .refind where !hasRetried:
                    hasRetried = true
                case .logIn where !hasLoggedIn:
                    loginSeen = attempts
                case nil where error.kind == .objectNotFound && wantsLogin && !hasLoggedIn && !wasLoggedIn:
                    loginSeen = attempts
                default:
                    throw error.naming(token: label)
                }
            }
        }
    }
}

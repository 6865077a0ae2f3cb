import GnuTLS
package import MTLSCore
package import PKCS11

/// One token, found by a URI, and where its PIN comes from: what the commands that manage tokens begin with.
package struct TokenAccess: Sendable {
    package let token: Token
    package let uri: PKCS11URI
    let pin: any PINProvider

    /// Finds the token.
    ///
    /// - Parameters:
    ///   - pin: Without it the URI's `pin-source` serves.
    ///   - isAttended: Somebody stands by, and vouches for the PIN.
    package init(
        _ text: String, pin: SecretSource?, module path: String?, isAttended: Bool = false
    ) async throws(MTLSError) {
        do throws(PKCS11Error) {
            uri = try PKCS11URI(text)
            token = try await Self.search(uri, module: path)
        } catch {
            throw MTLSError.token(error, phase: .identity)
        }
        self.pin = RememberedPIN(try PINs(source: pin, uri: uri), vouches: isAttended)
    }

    static func search(
        _ uri: PKCS11URI, module path: String?, sessionLimit: Int? = nil
    ) async throws(PKCS11Error) -> Token {
        let module = try await Token.searchLane.run { () throws(PKCS11Error) in
            try path.map { (path: String) throws(PKCS11Error) in try PKCS11Module.load(path: path) }
        }
        return try await Token.search(uri, in: module, sessionLimit: sessionLimit)
    }

    /// Logs in, and says what the token said of itself before and after.
    package func logIn() async throws(MTLSError) -> (before: TokenInfo, after: TokenInfo) {
        do throws(PKCS11Error) {
            let (token, pin) = (token, pin)
            return try await token.lane.run { () throws(PKCS11Error) in
                let before = try token.currentInfo()
                try token.logIn(pin: pin)
                return (before, try token.currentInfo())
            }
        } catch {
            throw MTLSError.token(error, phase: .identity)
        }
    }
}

/// Runs `body`, and says in this package's errors what those of the layers below mean.
func translatingErrors<Result>(_ body: () async throws -> Result) async throws(MTLSError) -> Result {
    do {
        return try await body()
    } catch let error as MTLSError {
        throw error
    } catch let error as PKCS11Error {
        throw MTLSError.token(error, phase: .identity)
    } catch let error as DistinguishedName.Malformed {
        throw MTLSError(.requestInvalid, phase: .prepare, fault: .caller, error.description)
    } catch {
        throw MTLSError(.identityMalformed, phase: .identity, fault: .token, "\(error)", underlying: error)
    }
}

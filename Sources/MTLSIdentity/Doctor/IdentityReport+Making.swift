import MTLSCore
import PKCS11

extension IdentityReport {
    mutating func ok(_ code: Code, _ message: String) { add(code, .ok, message, nil) }

    mutating func warn(_ code: Code, _ message: String, remedy: String) { add(code, .warning, message, remedy) }

    mutating func fail(_ code: Code, _ message: String, remedy: String) { add(code, .failure, message, remedy) }

    /// A failure that came as an error.
    mutating func fail(_ error: any Error) {
        switch error {
        case let error as PKCS11Error: fail(MTLSError.token(error, phase: .identity))
        case let error as MTLSError: add(Code(rawValue: error.code.rawValue), .failure, error.message, error.advice)
        default: add(Code(rawValue: MTLSError.Code.identityMalformed.rawValue), .failure, "\(error)", nil)
        }
    }

    private mutating func add(_ code: Code, _ severity: Severity, _ message: String, _ remedy: String?) {
        findings.append(
            Finding(
                code: code, severity: severity, message: Printable.escape(message),
                remedy: remedy.map(Printable.escape)))
    }

    mutating func describe(_ token: Token) {
        let module = token.module
        ok(
            .module,
            "module \(TokenText(Array(module.path.utf8))) (\(module.info.description) \(module.info.version.forPeople), "
                + "PKCS#11 \(module.info.cryptokiVersion.forPeople))")
        let info = token.info
        ok(.token, "token \"\(info.label)\" (\(info.manufacturer) \(info.model), serial \(info.serial))")
    }

    /// What the token's flags say of its PIN.
    mutating func describePIN(of token: Token, _ info: TokenInfo) {
        let byHand = "enter the right PIN once by hand: `mtls tokens login \(token.uri.shellQuoted)`"
        if !info.flags.contains(.loginRequired) {
            ok(.pin, "the token needs no PIN")
        } else if !info.flags.contains(.userPINInitialized) {
            warn(
                .pinNotSet, "the token has no user PIN yet",
                remedy: "set one with the token's own tools, or `pkcs11-tool --init-pin`")
        } else if info.flags.contains(.userPINLocked) {
            fail(.pinLocked, "the PIN is locked", remedy: "unlock it with the token's own tools (SO PIN or PUK)")
        } else if info.flags.contains(.userPINFinalTry) {
            warn(.pinFinalTry, "one wrong PIN more locks the token: no program logs in unattended", remedy: byHand)
        } else if info.flags.contains(.userPINCountLow) {
            warn(
                .pinTriesLow, "a wrong PIN was given and few tries are left: no program logs in unattended",
                remedy: byHand)
        } else {
            let how = info.flags.contains(.protectedAuthenticationPath) ? "is entered at the token itself" : "is needed"
            ok(.pin, "a PIN \(how); no wrong one was given lately")
        }
        if info.flags.contains(.userPINToBeChanged) {
            warn(
                .pinToBeChanged, "the token wants its PIN changed", remedy: "change it with the token's own tools")
        }
    }
}

extension PKCS11URI.LibraryVersion {
    /// `2.40`.
    package var forPeople: String { "\(major).\(minor)" }
}

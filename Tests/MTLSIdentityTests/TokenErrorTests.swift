import MTLSCore
import MTLSIdentity
import PKCS11
import Testing

/// What a token's errors become.
@Suite struct TokenErrorMappingTests {
    @Test(arguments: [
        (PKCS11Error.Kind.uriInvalid, MTLSError.Code.tokenURIInvalid, MTLSError.Fault.caller),
        (.moduleUnavailable, .tokenModuleUnavailable, .caller), (.tokenNotFound, .tokenNotFound, .caller),
        (.ambiguous, .tokenAmbiguous, .caller), (.objectNotFound, .tokenObjectNotFound, .caller),
        (.pinMissing, .pinMissing, .caller), (.pinIncorrect, .pinIncorrect, .caller),
        (.pinLocked, .pinLocked, .token), (.pinTriesLow, .pinLocked, .token), (.removed, .tokenRemoved, .token),
        (.mechanismMissing, .mechanismMissing, .token), (.cancelled, .cancelled, .caller),
        (.timedOut, .timeoutSignature, .token), (.failed, .tokenFailed, .token),
        (.internal, .invariantViolated, .us),
    ])
    func eachKindHasItsCode(kind: PKCS11Error.Kind, code: MTLSError.Code, fault: MTLSError.Fault) {
        let error = MTLSError.token(PKCS11Error(kind, "it broke", advice: "mend it", token: "t"), phase: .sign)
        #expect(error.code == code)
        #expect(error.fault == fault)
        #expect(error.phase == .sign)
        #expect(error.message == "token \"t\": it broke")
        #expect(error.advice == "mend it")
        #expect((error.underlying as? PKCS11Error)?.kind == kind)
    }

    @Test func noKindIsForgotten() {
        #expect(PKCS11Error.Kind.allCases.count == 15)
    }

    @Test func withoutATokenTheMessageStandsAlone() {
        #expect(MTLSError.token(PKCS11Error(.failed, "it broke"), phase: .identity).message == "it broke")
    }

    @Test func whatAPINSourceThrewIsThrown() {
        let inner = MTLSError(.identityFileUnreadable, phase: .identity, fault: .caller, "no such file")
        let error = MTLSError.token(PKCS11Error(.pinMissing, "none", underlying: inner), phase: .sign)
        #expect(error.code == .identityFileUnreadable)
        #expect(error.message == "no such file")
    }

    @Test func controlCharactersOfATokenAreEscaped() {
        let error = MTLSError.token(PKCS11Error(.failed, "a\u{1B}[2Jb\nc", token: "t\u{202E}"), phase: .sign)
        #expect(!error.description.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x202E })
    }
}

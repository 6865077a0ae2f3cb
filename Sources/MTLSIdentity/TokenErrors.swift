package import MTLSCore
package import PKCS11

extension MTLSError {
    /// What a token's error means to the one who asked for the request.
    package static func token(_ error: PKCS11Error, phase: Phase) -> MTLSError {
        let (code, fault): (Code, Fault) =
            switch error.kind {
            case .uriInvalid: (.tokenURIInvalid, .caller)
            case .moduleUnavailable: (.tokenModuleUnavailable, .caller)
            case .tokenNotFound: (.tokenNotFound, .caller)
            case .ambiguous: (.tokenAmbiguous, .caller)
            case .objectNotFound: (.tokenObjectNotFound, .caller)
            case .pinMissing: (.pinMissing, .caller)
            case .pinIncorrect: (.pinIncorrect, .caller)
            case .pinLocked, .pinTriesLow: (.pinLocked, .token)
            case .removed: (.tokenRemoved, .token)
            case .mechanismMissing: (.mechanismMissing, .token)
            case .cancelled: (.cancelled, .caller)
            case .timedOut: (.timeoutSignature, .token)
            case .failed: (.tokenFailed, .token)
            case .internal: (.invariantViolated, .us)
            }
        if let underlying = error.underlying as? MTLSError { return underlying }
        return MTLSError(
            code, phase: phase, fault: fault, error.token.map { "token \"\($0)\": \(error.message)" } ?? error.message,
            advice: error.advice, underlying: error)
    }
}

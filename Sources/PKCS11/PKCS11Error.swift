/// What every operation of this module throws.
///
/// The texts name the token and the function with its return code, escape what came from a token, and never hold a PIN.
package struct PKCS11Error: Error, Sendable {
    /// What went wrong.
    package enum Kind: String, Sendable, CaseIterable {
        /// The URI breaks the rules of RFC 7512.
        case uriInvalid
        /// The module is missing, or cannot be loaded.
        case moduleUnavailable
        /// No token matches.
        case tokenNotFound
        /// Several tokens or objects match where one must.
        case ambiguous
        /// The token has no such key or certificate.
        case objectNotFound
        /// The token wants a PIN and nobody has one.
        case pinMissing
        /// The token refused the PIN, now or before.
        case pinIncorrect
        /// The token's PIN is locked.
        case pinLocked
        /// Few tries are left, and nobody vouched for the PIN.
        case pinTriesLow
        /// The token is gone.
        case removed
        /// The token or the key does not sign in this way.
        case mechanismMissing
        /// The caller gave up, or the token's owner declined.
        case cancelled
        /// The token does not answer.
        case timedOut
        /// The token answered with another error.
        case failed
        /// This package was used wrongly.
        case `internal`
    }

    package let kind: Kind
    /// One line for people.
    package let message: String
    /// What to do about it.
    package let advice: String?
    /// The PKCS#11 function that failed, such as `C_Sign`.
    package let function: String?
    /// What that function returned.
    package let returnCode: ReturnCode?
    /// The label of the token, escaped.
    package private(set) var token: String?
    /// What a PIN provider threw.
    package let underlying: (any Error)?

    package init(
        _ kind: Kind, _ message: String, advice: String? = nil, function: String? = nil, returnCode: ReturnCode? = nil,
        token: String? = nil, underlying: (any Error)? = nil
    ) {
        self.kind = kind
        self.message = message
        self.advice = advice
        self.function = function
        self.returnCode = returnCode
        self.token = token
        self.underlying = underlying
    }

    /// The error for a function that returned `code`.
    init(_ function: String, _ code: ReturnCode) {
        self.init(
            code.kind, "\(function): \(code)", advice: code.advice, function: function, returnCode: code)
    }

    /// An error about something that is not there, perhaps because `failure` hid it.
    init(
        _ kind: Kind, _ message: String, advice: String? = nil, because failure: PKCS11Error?
    ) {
        self.init(
            kind, failure.map { "\(message): \($0.message)" } ?? message, advice: failure?.advice ?? advice,
            function: failure?.function, returnCode: failure?.returnCode)
    }

    /// The same error, said of the token with this label, unless it names one already.
    func naming(token: String) -> PKCS11Error {
        var copy = self
        copy.token = copy.token ?? token
        return copy
    }
}

extension PKCS11Error: CustomStringConvertible {
    /// Message, token and advice in one line.
    package var description: String {
        var text = message
        if let token { text += " [token \(token)]" }
        if let advice { text += " (\(advice))" }
        return text
    }
}

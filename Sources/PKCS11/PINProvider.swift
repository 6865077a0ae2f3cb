public import SecretMemory

/// Where PINs come from: a file, a prompt, a keyring.
public protocol PINProvider: Sendable {
    /// Returns the PIN of a token, or nil when there is none.
    ///
    /// It is called on a thread of the token's lane, never on an event loop or in Swift's thread pool, so it may block;
    /// meanwhile all logins to that token wait. It is asked at each login, also after the token was lost and came back,
    /// and at each signature of a key that wants the PIN each time. A secret that the token has refused is not sent to
    /// it again: provide another one, or none.
    ///
    /// - Throws: Whatever it likes; the operation fails, and the error holds what was thrown.
    func pin(for request: PINRequest) throws -> PINAnswer?
}

/// What a PIN is wanted for. The texts are escaped and may be shown.
public struct PINRequest: Sendable, Hashable {
    /// Why the PIN is wanted.
    public enum Reason: Sendable, Hashable {
        /// To log in to the token.
        case login
        /// For one signature, with a key that wants the PIN each time (`CKA_ALWAYS_AUTHENTICATE`).
        case contextSpecific
    }

    /// The token's label.
    public let tokenLabel: String
    /// The token's serial number.
    public let tokenSerial: String
    /// The token's manufacturer.
    public let tokenManufacturer: String
    /// Why the PIN is wanted.
    public let reason: Reason
    /// A wrong PIN would lock the token now.
    public let isFinalTry: Bool
    /// A wrong PIN was given before, and few tries are left.
    public let isCountLow: Bool
}

/// A PIN, and where it comes from.
public struct PINAnswer: Sendable {
    /// The PIN.
    public let secret: SecretBytes
    /// Whether somebody stands for this PIN now, having just typed it, say. A token that has few tries left is sent
    /// only such a PIN, because a service that restarts again and again with a wrong PIN would use them up. (A PIN that
    /// follows on one that was refused in this process is new, too, but not new enough for the very last try.)
    public let vouchedFor: Bool

    /// Makes an answer; unattended unless `vouchedFor`.
    public init(_ secret: SecretBytes, vouchedFor: Bool = false) {
        self.secret = secret
        self.vouchedFor = vouchedFor
    }
}

/// A PIN that is at hand.
public struct KnownPIN: PINProvider {
    private let answer: PINAnswer

    /// Provides `secret` to each request.
    public init(_ secret: SecretBytes, vouchedFor: Bool = false) {
        answer = PINAnswer(secret, vouchedFor: vouchedFor)
    }

    /// Returns the PIN.
    public func pin(for request: PINRequest) -> PINAnswer? { answer }
}

/// A state machine met an event that its state does not allow: a mistake of this package.
///
/// It is thrown, not trapped on: the connection or the client concerned fails, the process survives.
package struct InvariantViolation: Error, Hashable, Sendable {
    /// The event, such as `released(7)`.
    package let event: String
    /// The state it met, such as `idle`.
    package let state: String

    package init(_ event: String, in state: String) {
        self.event = event
        self.state = state
    }

    /// The same, as the error that a user sees.
    package func error(phase: MTLSError.Phase) -> MTLSError {
        MTLSError(
            .invariantViolated, phase: phase, fault: .us,
            "internal error: \(event) cannot happen in the state \(state)",
            advice: "please report this; the connection was given up", underlying: self)
    }
}

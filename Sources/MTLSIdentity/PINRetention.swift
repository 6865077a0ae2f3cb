import PKCS11
import Synchronization

/// How long a PIN is kept after it was given, in locked memory that is wiped afterwards.
public enum PINRetention: Sendable, Hashable {
    /// Not at all: its source is asked at each login, such as after the token was away.
    case askEachLogin
    /// For so long.
    case forget(after: Duration)
    /// As long as the identity is there.
    case keep
}

/// Keeps the PIN that another provider gave, as long as the policy says and the token does not refuse it.
final class KeptPIN: PINProvider {
    private struct State {
        var answer: PINAnswer?
        var generation = 0
    }

    private let provider: PINs
    private let retention: PINRetention
    private let state = Mutex(State())

    init(_ provider: PINs, _ retention: PINRetention) {
        self.provider = provider
        self.retention = retention
    }

    func pin(for request: PINRequest) throws -> PINAnswer? {
        if let kept = state.withLock({ $0.answer }) { return kept }
        guard let answer = try provider.pin(for: request) else { return nil }
        // Nobody stands by when a kept PIN is used.
        if retention != .askEachLogin { keep(PINAnswer(answer.secret)) }
        return answer
    }

    /// The token has refused it, or somebody else says that it is to go.
    func forget() {
        state.withLock { $0.answer = nil }
    }

    private func keep(_ answer: PINAnswer) {
        let generation = state.withLock { state in
            state.answer = answer
            state.generation += 1
            return state.generation
        }
        guard case .forget(let after) = retention else { return }
        Task.detached { [weak self] in
            try? await Task.sleep(for: after)
            self?.forget(generation)
        }
    }

    private func forget(_ generation: Int) {
        state.withLock { if $0.generation == generation { $0.answer = nil } }
    }
}

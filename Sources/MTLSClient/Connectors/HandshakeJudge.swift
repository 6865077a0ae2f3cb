import GnuTLS
import MTLSCore
import MTLSIdentity
import Synchronization

/// Judges the server of one connection inside its handshake: at once, unless the caller has checks of his own, which take
/// their time.
final class HandshakeJudge: Sendable {
    private let evaluator: TrustEvaluator
    private let expected: ServerName
    private let name: String
    private let endpoint: Endpoint
    private let checking = Mutex<Task<Void, Never>?>(nil)

    init(_ evaluator: TrustEvaluator, expected: ServerName, name: String, endpoint: Endpoint) {
        self.evaluator = evaluator
        self.expected = expected
        self.name = name
        self.endpoint = endpoint
    }

    /// As ``HandshakeConfiguration/Judge`` has it.
    func answer(
        _ server: PresentedChain, later: @escaping @Sendable (Result<Void, any Error>) -> Void
    ) -> Result<Void, any Error>? {
        switch evaluator.verdict(on: server, for: expected, name: name) {
        case .failure(let error): return .failure(error)
        case .success(let path):
            guard evaluator.hasChecks else { return .success(()) }
            let verified = VerifiedServer(endpoint: endpoint, name: name, path: path)
            let task = Task.detached { [evaluator] in
                do throws(MTLSError) {
                    try await evaluator.check(verified)
                    later(.success(()))
                } catch {
                    later(.failure(error))
                }
            }
            checking.withLock { $0 = task }
            return nil
        }
    }

    /// The handshake is over, one way or another: a check that still runs is of no use.
    func cancel() {
        checking.withLock { $0?.cancel() }
    }
}

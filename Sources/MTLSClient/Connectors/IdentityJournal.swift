import Logging
import MTLSIdentity
import Synchronization

/// Writes what happens to a connector's identity to the log, once: that of its first connection.
final class IdentityJournal: Sendable {
    private enum State {
        case silent(Identity?)
        case logged(Identity?)
    }

    private let state: Mutex<State>

    init(_ identity: Identity?) { state = Mutex(.silent(identity)) }

    func identity(logger: Logger) -> Identity? {
        state.withLock { state in
            switch state {
            case .logged(let identity): return identity
            case .silent(let identity):
                let logged = identity?.observed { logger.info("\($0)") }
                state = .logged(logged)
                return logged
            }
        }
    }
}

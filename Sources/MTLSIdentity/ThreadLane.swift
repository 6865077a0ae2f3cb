import GnuTLS
import MTLSCore
import PKCS11

/// The threads of a token, or of a signing key, as handshakes see them.
struct ThreadLane: SigningLane {
    let lane: TokenLane

    func submit(_ job: @escaping @Sendable () -> Void) throws -> any LaneTicket {
        do {
            return Ticket(ticket: try lane.submit(job))
        } catch {
            throw MTLSError.token(error, phase: .sign)
        }
    }

    private struct Ticket: LaneTicket {
        let ticket: TokenLane.Ticket

        func cancel() -> Bool { ticket.cancel() }
    }
}

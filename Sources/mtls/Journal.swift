import HTTPTypes
import MTLSClient
import Synchronization

/// What happens to the connections of the transfer in progress.
final class Journal: Sendable {
    private struct State {
        var connects = 0
        var connected: ContinuousClock.Instant?
        var handshaken: ContinuousClock.Instant?
        var request: [String] = []
        var redirects: [HTTPResponse] = []
    }

    /// Whether what is noted is shown: what takes making need not be made otherwise.
    let isVerbose: Bool
    private let isVerified: Bool
    private let state = Mutex(State())

    init(isVerbose: Bool, isVerified: Bool) {
        self.isVerbose = isVerbose
        self.isVerified = isVerified
    }

    /// A transfer begins.
    ///
    /// - Parameter request: The lines that are shown when its connection is there.
    func begin(request: [String]) {
        state.withLock { $0 = State(request: request) }
    }

    /// A transport connection was made.
    ///
    /// - Parameter place: The host and port, or the path of the socket.
    func connected(to place: String, for origin: Origin) {
        state.withLock { state in
            state.connects += 1
            state.connected = .now
        }
        let detour = place == origin.endpoint.description ? "" : " for \(origin.endpoint)"
        note([Verbose.star("Connected to \(place)\(detour)")])
    }

    /// A connection is ready for requests.
    func ready(_ handshake: HandshakeSummary?) {
        if let handshake {
            state.withLock { $0.handshaken = .now }
            if isVerbose { note(Verbose.lines(handshake, isVerified: isVerified)) }
        }
        requestSent()
    }

    /// The request is on its way: shows it, unless that was done.
    func requestSent() {
        note(
            state.withLock { state in
                defer { state.request = [] }
                return state.request
            })
    }

    /// A redirect is followed.
    func redirected(_ redirect: Redirect) {
        state.withLock { $0.redirects.append(redirect.response) }
        requestSent()
        let status = redirect.response.status.code
        note([Verbose.star("Redirected with status \(status) from \(redirect.source) to \(redirect.target)")])
    }

    /// The responses that redirected the transfer so far.
    var redirects: [HTTPResponse] { state.withLock(\.redirects) }

    func note(_ lines: [String]) {
        if isVerbose, !lines.isEmpty { Console.say(lines) }
    }

    /// How many connections the transfer made, and when the last came so far.
    var connections: (count: Int, connected: ContinuousClock.Instant?, handshaken: ContinuousClock.Instant?) {
        state.withLock { ($0.connects, $0.connected, $0.handshaken) }
    }
}

import DevPKI
import GnuTLS
import MTLSClient
import MTLSTestKit
import Synchronization
import Testing

/// Files are swapped under load.
@Suite struct RotationTimingTests {
    /// What a worker saw of a request.
    private struct Sight: Sendable {
        let isNewConnection: Bool
        let subject: String
    }

    private struct State {
        var name = "alice"
        /// Since when the pair in the files is whole.
        var whole = ContinuousClock.now
        var sights: [Sight] = []
        var failures: [String] = []
        var isOver = false
    }

    private final class Board: Sendable {
        let state = Mutex(State())
    }

    /// One of 64, as long as the board says: each request takes a connection, which the server often closes.
    private func work(_ client: Client, _ board: Board) async {
        while !board.state.withLock({ $0.isOver }) {
            let began = ContinuousClock.now
            do {
                let response = try await client.get()
                let subject = try await response.body.text(upTo: .kibibytes(1))
                let sight = Sight(isNewConnection: response.connection.requestCount == 1, subject: subject)
                board.state.withLock { state in
                    state.sights.append(sight)
                    // A second after the pair was whole, whoever makes a connection shows it.
                    let age = began - state.whole
                    if sight.isNewConnection, age > .seconds(1), subject != "CN=\(state.name)" {
                        state.failures.append("\(subject) was shown \(age) after \(state.name) was whole")
                    }
                }
            } catch {
                board.state.withLock { $0.failures.append("\(error)") }
            }
        }
    }

    @Test(.timeLimit(.minutes(15)))
    func noRequestFailsAndASecondAfterThePairIsWholeEveryNewConnectionShowsIt() async throws {
        let (world, files, board) = (try World(), try RotatedFiles(), Board())
        let server = try await world.server(.required) { request in
            .response(
                body: request.client.certificate?.subject ?? "nobody",
                then: request.number % 8 == 0 ? .close : .keepAlive)
        }
        try files.write(world, "alice")
        let events = Lines()
        let identity = files.identity.observed { events.add("\($0)") }
        var settings = ClientSettings()
        settings.connectionLimit = 16
        let client = try Client(server.url, identity: identity, trust: world.trust, settings: settings)
        _ = try await client.get()
        var delays: [Duration] = []
        try await withThrowingTaskGroup { group in
            for _ in 0..<64 { group.addTask { await work(client, board) } }
            for name in ["bob", "carol", "dave"] {
                // The tool writes one file, and for longer than a look takes the pair does not fit.
                let next = try world.authority.issueClient(commonName: name)
                try files.overwrite(files.certificate, next.certificatePEM)
                try await Task.sleep(for: .milliseconds(300))
                try files.overwrite(files.key, next.keyPEM().withUnsafeBytes { Array($0) })
                let whole = ContinuousClock.now
                board.state.withLock { ($0.name, $0.whole) = (name, whole) }
                while !board.state.withLock({ $0.sights.last?.subject == "CN=\(name)" || !$0.failures.isEmpty }) {
                    try await Task.sleep(for: .milliseconds(5))
                }
                delays.append(.now - whole)
                try await Task.sleep(for: .milliseconds(1500))
            }
            board.state.withLock { $0.isOver = true }
            try await group.waitForAll()
        }
        let state = board.state.withLock { $0 }
        #expect(state.failures.isEmpty)
        #expect(delays.allSatisfy { $0 < .seconds(1) }, "\(delays)")
        #expect(state.sights.count { $0.isNewConnection } > 100)
        #expect(events.all.count { $0.contains("took the place of") } == 3)
        #expect(events.all.contains { $0.contains("was not reloaded") })
        // The connections of the old identity have ended.
        #expect(state.sights.suffix(100).allSatisfy { $0.subject == "CN=dave" })
        print("\(state.sights.count) requests; new certificates were shown after \(delays)")
        await client.shutdown()
    }
}

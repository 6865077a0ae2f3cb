import GnuTLS
import GnuTLSNIO
import MTLSCore
import NIOCore
import NIOEmbedded
import Synchronization
import Testing

/// Verdicts that take their time.
struct VerdictTests {
    /// Keeps the closure that a judge is given, for the test to call.
    final class Pending: Sendable {
        private let answers = Mutex<[@Sendable (Result<Void, any Error>) -> Void]>([])

        var count: Int { answers.withLock { $0.count } }

        func judge(_ peer: PresentedChain, _ later: @escaping @Sendable (Result<Void, any Error>) -> Void) -> Result<
            Void, any Error
        >? {
            answers.withLock { $0.append(later) }
            return nil
        }

        /// The closures: they hold the handler, which holds its judge.
        func take() -> [@Sendable (Result<Void, any Error>) -> Void] {
            answers.withLock { answers in
                defer { answers = [] }
                return answers
            }
        }

        func answer(_ verdict: Result<Void, any Error>) {
            for answer in take() { answer(verdict) }
        }
    }

    @Test(arguments: TLSVersion.allCases)
    func aLateVerdictDelaysTheHandshake(_ version: TLSVersion) throws {
        let world = try World.shared()
        let pending = Pending()
        let pair = try BackToBack(
            Setup(version: version, demand: .required, clientKey: world.client, clientJudge: pending.judge))
        pair.interact()
        #expect(pending.count == 1)
        #expect(pair.client.outcome == nil && pair.server.outcome == nil)
        pending.answer(.success(()))
        pair.interact()
        #expect(pair.client.summary != nil && pair.server.summary != nil)
        #expect(pending.count == 0)
    }

    @Test(arguments: TLSVersion.allCases)
    func writesAreHeldDuringTheVerdict(_ version: TLSVersion) throws {
        let pending = Pending()
        let pair = try BackToBack(Setup(version: version, clientJudge: pending.judge))
        pair.interact()
        let writes = pair.client.below.writes
        let write = pair.client.writeAndFlush("held")
        pair.client.channel.flush()
        #expect(pair.client.below.writes == writes)
        #expect(!write.isFulfilled)
        pending.answer(.success(()))
        pair.interact()
        #expect(write.hasSucceeded)
        #expect(pair.server.recorder.text == "held")
    }

    @Test func whatArrivesDuringTheVerdictWaits() throws {
        let pending = Pending()
        let pair = try BackToBack(Setup(clientJudge: pending.judge))
        pair.server.give(pair.client.take())
        // The server's flight comes in two bursts, the second during the verdict.
        var flight = try #require(pair.server.take())
        let tail = flight.readableBytes - 20
        pair.client.give(flight.readSlice(length: tail))
        #expect(pending.count == 1)
        pair.client.give(flight)
        pending.answer(.success(()))
        pair.interact()
        #expect(pair.client.summary != nil && pair.server.summary != nil)
    }

    @Test(arguments: TLSVersion.allCases)
    func aLateRefusalFailsTheHandshake(_ version: TLSVersion) throws {
        let pending = Pending()
        let pair = try BackToBack(Setup(version: version, clientJudge: pending.judge))
        let write = pair.client.writeAndFlush("never sent")
        pair.interact()
        pending.answer(.failure(MTLSError(.certificateRevoked, phase: .verify, fault: .peer, "revoked")))
        pair.interact()
        #expect((pair.client.handshakeError as? MTLSError)?.code == .certificateRevoked)
        #expect((write.failure as? MTLSError)?.code == .certificateRevoked)
        #expect(pair.client.recorder.events == [.error("tls.certificateRevoked"), .inactive])
        #expect(pair.server.handshakeError != nil)
    }

    @Test func aVerdictAfterTheChannelClosedChangesNothing() throws {
        let pending = Pending()
        let pair = try BackToBack(Setup(clientJudge: pending.judge))
        pair.interact()
        pair.client.lose()
        let events = pair.client.recorder.events
        let writes = pair.client.below.writes
        pending.answer(.success(()))
        pair.interact()
        #expect(pair.client.recorder.events == events)
        #expect(pair.client.below.writes == writes)
        #expect((pair.client.handshakeError as? MTLSError)?.code == .handshakeFailed)
    }

    @Test func aJudgeMayCallBackAtOnce() throws {
        let pair = try BackToBack.connected(
            Setup(clientJudge: { _, later in
                later(.success(()))
                return nil
            }))
        #expect(pair.client.summary != nil)
    }

    @Test func theJudgeSeesTheChainAsItWasSent() throws {
        let world = try World.shared()
        let seen = Mutex<[[[UInt8]]]>([])
        _ = try BackToBack.connected(
            Setup(clientJudge: { peer, _ in
                seen.withLock { $0.append(peer.der) }
                return .success(())
            }))
        #expect(seen.withLock { $0 } == [world.server.chain.map(\.der)])
    }

    @Test func aSecondVerdictChangesNothing() throws {
        let pending = Pending()
        let pair = try BackToBack(Setup(clientJudge: pending.judge))
        pair.interact()
        for answer in pending.take() {
            answer(.success(()))
            answer(.failure(Marked(mark: "changed my mind")))
        }
        pair.interact()
        #expect(pair.client.summary != nil)
        #expect(pair.client.recorder.events == [.handshakeCompleted(nil)])
    }

    @Test func anEndDuringTheVerdictFailsTheHandshake() throws {
        let pending = Pending()
        let pair = try BackToBack(Setup(clientJudge: pending.judge))
        pair.interact()
        pair.client.lose()
        #expect(pair.client.recorder.events == [.error("tls.handshakeFailed"), .inactive])
        #expect(pending.take().count == 1)
    }

    @Test func closingDuringTheVerdictFailsTheHandshake() throws {
        let pending = Pending()
        let pair = try BackToBack(Setup(clientJudge: pending.judge))
        pair.interact()
        let closed = pair.client.channel.close()
        pair.loop.run()
        #expect(closed.hasSucceeded)
        #expect(pair.client.handshakeError != nil)
        pending.answer(.success(()))
        pair.loop.run()
        #expect(pair.client.recorder.events == [.inactive])
    }
}

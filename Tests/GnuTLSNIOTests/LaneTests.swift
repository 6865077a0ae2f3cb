import GnuTLS
import MTLSCore
import NIOCore
import NIOEmbedded
import Testing

@testable import GnuTLSNIO

/// Keys whose signatures are made on a lane.
struct LaneTests {
    /// A pair whose client has a key on a lane.
    struct Fixture {
        let lane = ManualLane()
        let signer: TestSigner
        let pair: BackToBack

        init(
            _ version: TLSVersion = .v1_3, handshakeTimeout: Duration? = nil, signatureTimeout: Duration? = nil,
            beforeSigning: @escaping @Sendable () throws -> Void = {}
        ) throws {
            let world = try World.shared()
            signer = TestSigner(world.clientKey, on: lane, beforeSigning: beforeSigning)
            pair = try BackToBack(
                Setup(
                    version: version, demand: .required, clientKey: world.external(signer),
                    handshakeTimeout: handshakeTimeout, signatureTimeout: signatureTimeout))
        }

        var client: End { pair.client }

        func finish() {
            repeat { pair.interact() } while lane.run()
        }
    }

    /// What happens in the middle of a signature.
    final class Meanwhile: @unchecked Sendable {  // safe: a manual lane runs its jobs on the test's own thread
        var action: () -> Void = {}
    }

    @Test(arguments: TLSVersion.allCases)
    func theHandshakeWaitsForTheLane(_ version: TLSVersion) throws {
        let it = try Fixture(version)
        it.pair.interact()
        #expect(it.lane.waiting == 1)
        #expect(it.signer.signatures == 0 && it.client.outcome == nil)
        it.finish()
        let summary = try #require(it.client.summary)
        #expect(it.signer.signatures == 1)
        #expect(summary.isKeyExternal)
        #expect(summary.signatureDuration > .zero)
        #expect(it.pair.server.summary?.peerChain.count == 1)
    }

    @Test(arguments: TLSVersion.allCases)
    func nothingGoesToTheLaneOnceTheSignatureIsMade(_ version: TLSVersion) throws {
        let it = try Fixture(version)
        it.finish()
        #expect(it.client.summary != nil)
        #expect(it.lane.submitted == 1)
    }

    @Test(arguments: TLSVersion.allCases)
    func flightsMayArriveByteByByteWhileStepsAreOnTheLane(_ version: TLSVersion) throws {
        let it = try Fixture(version)
        var moved = true
        while moved {
            moved = false
            for (from, to) in [(it.client, it.pair.server), (it.pair.server, it.client)] {
                var bytes = from.take() ?? ByteBuffer()
                while let byte = bytes.readSlice(length: 1) {
                    to.give(byte)
                    moved = true
                    // The lane is slower than the network.
                    if bytes.readableBytes.isMultiple(of: 3) { moved = it.lane.run() || moved }
                    it.pair.loop.run()
                }
            }
            moved = it.lane.run() || moved
            it.pair.loop.run()
        }
        #expect(it.client.summary != nil && it.pair.server.summary != nil)
        #expect(it.signer.signatures == 1)
    }

    @Test func whatArrivesWhileAStepIsOnTheLaneWaits() throws {
        let it = try Fixture()
        it.pair.server.give(it.client.take())
        var flight = try #require(it.pair.server.take())
        it.client.give(flight.readSlice(length: flight.readableBytes - 20))
        #expect(it.lane.waiting == 1)
        while let byte = flight.readSlice(length: 1) { it.client.give(byte) }
        // Not in the transport: the lane's thread may be pulling from that.
        #expect(it.client.handler.waitingInput.count == 20)
        #expect(it.lane.submitted == 1)
        it.finish()
        #expect(it.client.summary != nil && it.pair.server.summary != nil)
    }

    @Test func writesAndFlushesAreHeldWhileAStepIsOnTheLane() throws {
        let it = try Fixture()
        it.pair.interact()
        let writes = it.client.below.writes
        let write = it.client.writeAndFlush("held")
        it.client.channel.flush()
        it.client.channel.read()
        #expect(it.client.below.writes == writes && !write.isFulfilled)
        it.finish()
        #expect(write.hasSucceeded)
        #expect(it.pair.server.recorder.text == "held")
    }

    @Test func noReadIsIssuedWhileAStepIsOnTheLane() throws {
        let it = try Fixture()
        it.pair.interact()
        let asked = it.client.below.reads
        it.client.channel.read()
        #expect(it.client.below.reads == asked)
        it.finish()
        #expect(it.client.below.reads == asked + 1)
    }

    @Test func flushingInTheMiddleOfASignatureTouchesNothing() throws {
        let meanwhile = Meanwhile()
        let it = try Fixture { meanwhile.action() }
        it.pair.interact()
        let writes = it.client.below.writes
        var during = -1
        meanwhile.action = { [client = it.client] in
            client.channel.writeAndFlush(ByteBuffer(string: "held"), promise: nil)
            client.channel.flush()
            during = client.below.writes
        }
        it.finish()
        meanwhile.action = {}
        #expect(during == writes)
        #expect(it.pair.server.recorder.text == "held")
    }

    // MARK: Ends

    @Test func closingTakesAWaitingStepOutOfTheLane() throws {
        let it = try Fixture()
        it.pair.interact()
        let write = it.client.writeAndFlush("never sent")
        it.client.channel.close(promise: nil)
        it.pair.loop.run()
        #expect(it.lane.cancelled == 1 && it.lane.waiting == 0)
        #expect(it.client.handshakeError != nil && write.failure != nil)
    }

    @Test func anEndTakesAWaitingStepOutOfTheLane() throws {
        let it = try Fixture()
        it.pair.interact()
        it.client.lose()
        #expect(it.lane.cancelled == 1)
        #expect(it.client.recorder.events == [.error("tls.handshakeFailed"), .inactive])
    }

    @Test func aChannelThatClosesInTheMiddleOfASignatureLetsItEnd() throws {
        weak var freed: TestSigner?
        do {
            let meanwhile = Meanwhile()
            let it = try Fixture { meanwhile.action() }
            freed = it.signer
            it.pair.interact()
            meanwhile.action = { [client = it.client] in client.lose() }
            it.lane.run()
            meanwhile.action = {}
            it.pair.loop.run()
            #expect(it.signer.signatures == 1)
            #expect(it.client.recorder.events == [.error("tls.handshakeFailed"), .inactive])
            #expect(it.client.take() == nil)
            #expect(freed != nil)
        }
        #expect(freed == nil)
    }

    @Test func aFinThatComesDuringAStepIsHeardAfterIt() throws {
        let it = try Fixture()
        it.pair.interact()
        it.client.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        #expect(it.client.recorder.events.isEmpty)
        it.finish()
        // The step made the handshake complete; then the end is found, without close_notify.
        #expect(it.client.recorder.events.last == .inactive)
        #expect(!it.client.channel.isActive)
    }

    @Test func aLaneThatTakesNoWorkFailsTheHandshake() throws {
        let it = try Fixture()
        it.lane.refuse(with: Marked(mark: "all threads are stuck"))
        it.pair.interact()
        let error = try #require(it.client.handshakeError as? MTLSError)
        #expect(error.code == .tokenFailed)
        #expect(error.phase == .sign)
        #expect(error.underlying as? Marked == Marked(mark: "all threads are stuck"))
        #expect(!it.client.channel.isActive)
    }

    @Test(arguments: TLSVersion.allCases)
    func aKeyThatFailsFailsTheHandshakeOnBothSides(_ version: TLSVersion) throws {
        let it = try Fixture(version) {
            throw MTLSError(.tokenRemoved, phase: .sign, fault: .token, "the token was removed")
        }
        it.finish()
        #expect((it.client.handshakeError as? MTLSError)?.code == .tokenRemoved)
        #expect(it.client.recorder.events == [.error("token.removed"), .inactive])
        #expect(it.pair.server.handshakeError != nil)
        #expect(it.signer.signatures == 1)
    }

    @Test func aRefusedPeerNeverReachesTheLane() throws {
        let world = try World.shared()
        let lane = ManualLane()
        let signer = TestSigner(world.clientKey, on: lane)
        let pair = try BackToBack.connected(
            Setup(
                demand: .required, clientKey: world.external(signer),
                clientJudge: { _, _ in .failure(Marked(mark: "impostor")) }))
        #expect(lane.submitted == 0 && signer.signatures == 0)
        #expect(pair.client.handshakeError != nil)
    }

    @Test func aServerThatDoesNotAskUnderTLS13NeedsNoLane() throws {
        let world = try World.shared()
        let lane = ManualLane()
        let signer = TestSigner(world.clientKey, on: lane)
        let pair = try BackToBack.connected(Setup(demand: .ignored, clientKey: world.external(signer)))
        #expect(pair.client.summary != nil)
        #expect(lane.submitted == 0)
    }

    @Test func aKeyInMemoryUnderTLS12LeavesTheLaneOnceItIsChosen() throws {
        let world = try World.shared()
        let lane = ManualLane()
        var configuration = try Setup(version: .v1_2).client()
        configuration.lane = lane
        configuration.choose = { _ in world.client }
        let loop = EmbeddedEventLoop()
        let client = try End(configuration, on: loop, active: true)
        let server = try End(Setup(version: .v1_2, demand: .required).server(), on: loop, active: true)
        repeat {
            server.give(client.take())
            client.give(server.take())
            loop.run()
        } while client.outcome == nil && (lane.run() || client.channel.isActive && lane.submitted == 0)
        loop.run()
        server.give(client.take())
        client.give(server.take())
        #expect(lane.submitted == 1)
        #expect(client.summary?.isKeyExternal == false)
        for end in [client, server] { _ = try? end.channel.finish(acceptAlreadyClosed: true) }
    }

    // MARK: Time, as the embedded loop tells it

    @Test func aSignatureThatTakesTooLongFailsTheHandshake() throws {
        let it = try Fixture(handshakeTimeout: .seconds(1), signatureTimeout: .seconds(60))
        it.pair.interact()
        it.pair.loop.advanceTime(by: .seconds(59))
        #expect(it.client.outcome == nil)
        it.pair.loop.advanceTime(by: .seconds(1))
        let error = try #require(it.client.handshakeError as? MTLSError)
        #expect(error.code == .timeoutSignature)
        #expect(error.advice != nil)
        #expect(it.lane.cancelled == 1)
        #expect(!it.client.channel.isActive)
    }

    @Test func aHandshakeThatTakesTooLongFails() throws {
        let it = try Fixture(handshakeTimeout: .seconds(5))
        it.pair.loop.advanceTime(by: .seconds(4))
        #expect(it.client.outcome == nil)
        it.pair.loop.advanceTime(by: .seconds(1))
        #expect((it.client.handshakeError as? MTLSError)?.code == .timeoutHandshake)
        #expect(it.client.recorder.events == [.error("timeout.handshake"), .inactive])
    }

    @Test func aVerdictThatTakesTooLongFailsTheHandshake() throws {
        let pending = VerdictTests.Pending()
        let pair = try BackToBack(Setup(clientJudge: pending.judge, handshakeTimeout: .seconds(5)))
        pair.interact()
        pair.loop.advanceTime(by: .seconds(5))
        #expect((pair.client.handshakeError as? MTLSError)?.code == .timeoutHandshake)
        pending.answer(.success(()))
        pair.loop.run()
    }

    @Test func theTimeOnTheLaneIsNotTheHandshakes() throws {
        let it = try Fixture(.v1_2, handshakeTimeout: .seconds(5), signatureTimeout: .seconds(60))
        it.pair.loop.advanceTime(by: .seconds(4))
        it.pair.interact()
        it.pair.loop.advanceTime(by: .seconds(30))
        it.lane.run()
        it.pair.loop.run()
        #expect(it.client.outcome == nil)
        // Of the five seconds one is left.
        it.pair.loop.advanceTime(by: .milliseconds(900))
        #expect(it.client.outcome == nil)
        it.pair.loop.advanceTime(by: .milliseconds(100))
        #expect((it.client.handshakeError as? MTLSError)?.code == .timeoutHandshake)
    }

    @Test func noTimeoutFiresOnceTheHandshakeIsOver() throws {
        let it = try Fixture(handshakeTimeout: .seconds(5), signatureTimeout: .seconds(5))
        it.finish()
        it.pair.loop.advanceTime(by: .hours(1))
        #expect(it.client.channel.isActive)
        #expect(it.client.recorder.errors.isEmpty)
    }
}

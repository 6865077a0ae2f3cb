import CGnuTLS
import MTLSCore
import NIOCore
import NIOEmbedded
import Testing

@testable import GnuTLS
@testable import GnuTLSNIO

/// Certificates that the server asks for after the handshake.
struct LaterExchangeTests {
    /// A pair whose handshake is over; the client has a key on a lane.
    struct Fixture {
        let lane = ManualLane()
        let signer: TestSigner
        let pair: BackToBack
        var client: End { pair.client }
        var server: End { pair.server }

        init(
            _ version: TLSVersion = .v1_3, allows: Bool = true, handshakeTimeout: Duration? = nil,
            signatureTimeout: Duration? = nil, judge: @escaping HandshakeConfiguration.Judge = { _, _ in .success(()) },
            beforeSigning: @escaping @Sendable () throws -> Void = {}
        ) throws {
            let world = try World.shared()
            signer = TestSigner(world.clientKey, on: lane, beforeSigning: beforeSigning)
            pair = try BackToBack(
                Setup(
                    version: version, clientKey: world.external(signer), clientJudge: judge,
                    handshakeTimeout: handshakeTimeout, signatureTimeout: signatureTimeout, authenticatesLater: allows))
            finish()
            try #require(client.summary != nil && server.summary != nil)
        }

        func finish() {
            repeat { pair.interact() } while lane.run()
        }

        /// The server asks, and the client comes upon the wish.
        func ask() -> EventLoopFuture<HandshakeSummary> {
            let answer = server.handler.requestCertificate(.requested)
            pair.interact()
            return answer
        }
    }

    @Test(arguments: TLSVersion.allCases)
    func theSignatureIsMadeOnTheLaneAndBothSidesKnowTheCertificate(_ version: TLSVersion) throws {
        let it = try Fixture(version)
        let before = it.lane.submitted
        let answer = it.ask()
        #expect(it.lane.waiting == 1 && it.signer.signatures == 0 && !answer.isFulfilled)
        it.finish()
        #expect(it.signer.signatures == 1)
        #expect(it.lane.submitted == before + 1)
        #expect(try answer.now()?.get().peerChain.first?.subject == "CN=alice")
        #expect(it.client.handler.summary?.clientCertificate?.subject == "CN=alice")
        #expect(it.client.handler.summary?.isKeyExternal == true)
        #expect((it.client.handler.summary?.signatureDuration ?? .zero) > .zero)
        #expect(it.client.recorder.events.contains(.laterExchange("CN=alice")))
    }

    @Test(arguments: TLSVersion.allCases)
    func whatIsWrittenMeanwhileFollows(_ version: TLSVersion) throws {
        let it = try Fixture(version)
        _ = it.ask()
        let write = it.client.writeAndFlush("held")
        it.pair.interact()
        #expect(!write.isFulfilled && it.server.recorder.text == "")
        it.finish()
        #expect(write.hasSucceeded && it.server.recorder.text == "held")
    }

    @Test func whatArrivesMeanwhileWaits() throws {
        let it = try Fixture()
        _ = it.ask()
        // The server's session is on the loop, and may write.
        let session = try #require(it.server.handler.session)
        try Array("more".utf8).withUnsafeBytes { try session.write($0) }
        it.server.handler.flushTransport()
        it.pair.interact()
        #expect(it.client.recorder.text == "" && !it.client.handler.waitingInput.isEmpty)
        it.finish()
        #expect(it.client.recorder.text == "more")
    }

    @Test(arguments: TLSVersion.allCases)
    func whoWritesOnReadingWhatCameWithTheWishIsHeld(_ version: TLSVersion) throws {
        let it = try Fixture(version)
        it.client.recorder.onRead = { context in
            context.writeAndFlush(NIOAny(ByteBuffer(string: "echo")), promise: nil)
        }
        _ = it.server.writeAndFlush("ping")
        _ = it.server.handler.requestCertificate(.requested)
        it.pair.interact()
        #expect(it.client.recorder.text == "ping" && it.lane.waiting == 1)
        it.finish()
        #expect(it.server.recorder.text == "echo")
    }

    @Test(arguments: TLSVersion.allCases)
    func aFailureOfTheTokenFailsTheConnection(_ version: TLSVersion) throws {
        let it = try Fixture(
            version,
            beforeSigning: {
                throw MTLSError(.tokenRemoved, phase: .sign, fault: .token, "the token was removed")
            })
        let answer = it.ask()
        let write = it.client.writeAndFlush("never sent")
        it.finish()
        #expect(it.client.recorder.mtlsErrors.map(\.code) == [.tokenRemoved])
        #expect(write.failure != nil && answer.failure != nil)
        #expect(!it.client.channel.isActive)
    }

    @Test(arguments: TLSVersion.allCases)
    func aSignatureThatTakesTooLongFailsTheConnection(_ version: TLSVersion) throws {
        let it = try Fixture(version, signatureTimeout: .seconds(60))
        it.pair.loop.advanceTime(by: .hours(1))
        _ = it.ask()
        it.pair.loop.advanceTime(by: .seconds(59))
        #expect(it.client.channel.isActive)
        it.pair.loop.advanceTime(by: .seconds(1))
        #expect(it.client.recorder.mtlsErrors.map(\.code) == [.timeoutSignature])
        #expect(it.lane.cancelled == 1 && it.signer.signatures == 0)
    }

    @Test func aServerThatFallsSilentInRenegotiationIsGivenUp() throws {
        let it = try Fixture(.v1_2, handshakeTimeout: .seconds(5))
        it.pair.loop.advanceTime(by: .hours(1))
        let session = try #require(it.server.handler.session)
        #expect(gnutls_rehandshake(session.handle) == 0)
        it.server.handler.flushTransport()
        it.client.give(it.server.take())
        it.pair.loop.advanceTime(by: .seconds(5))
        #expect(it.client.recorder.mtlsErrors.map(\.code) == [.timeoutHandshake])
    }

    @Test func noTimeIsLeftRunning() throws {
        let it = try Fixture(.v1_2, handshakeTimeout: .seconds(5), signatureTimeout: .seconds(5))
        _ = it.ask()
        it.finish()
        it.pair.loop.advanceTime(by: .hours(1))
        #expect(it.client.channel.isActive && it.client.recorder.errors.isEmpty)
    }

    @Test(arguments: TLSVersion.allCases)
    func aChannelThatClosesMeanwhileFailsTheRequest(_ version: TLSVersion) throws {
        let it = try Fixture(version)
        _ = it.ask()
        it.client.lose()
        #expect(it.client.recorder.mtlsErrors.map(\.code) == [.connectionLost])
        it.finish()
        #expect(it.signer.signatures == 0)
    }

    @Test func aRefusalInRenegotiationReachesTheReader() throws {
        let verdicts = Verdicts()
        let it = try Fixture(.v1_2, judge: { _, _ in verdicts.next() })
        let answer = it.ask()
        it.finish()
        #expect(it.client.recorder.mtlsErrors.map(\.code) == [.certificateRevoked])
        #expect(it.signer.signatures == 0 && answer.failure != nil)
    }

    /// Good at first, and then not.
    private final class Verdicts {
        private var count = 0
        func next() -> Result<Void, any Error> {
            count += 1
            return count == 1
                ? .success(()) : .failure(MTLSError(.certificateRevoked, phase: .verify, fault: .peer, "revoked"))
        }
    }

    @Test func whereRenegotiationIsNotAllowedTheErrorNamesTheRemedy() throws {
        let it = try Fixture(.v1_2, allows: false)
        let answer = it.ask()
        #expect(answer.failure != nil)
        let error = try #require(it.client.recorder.mtlsErrors.first)
        #expect(error.code == .renegotiationDeclined)
        #expect(error.fault == .caller && error.advice?.contains("allowsRenegotiation") == true)
    }

    @Test func aClientThatDoesNotOfferItIsLeftAlone() throws {
        let it = try Fixture(.v1_3, allows: false)
        #expect(try it.ask().now()?.get().peerChain.isEmpty == true)
        #expect(it.server.channel.isActive && it.client.recorder.errors.isEmpty)
    }

    // MARK: Last words

    /// The peer's alert arrives in the middle of a signature, and with it the end.
    @Test(arguments: TLSVersion.allCases)
    func anAlertThatArrivesDuringAStepIsToldWhenTheChannelHasClosed(_ version: TLSVersion) throws {
        let meanwhile = LaneTests.Meanwhile()
        let it = try LaneTests.Fixture(version) { meanwhile.action() }
        it.pair.interact()
        let session = try #require(it.pair.server.handler.session)
        gnutls_alert_send(session.handle, GNUTLS_AL_FATAL, GNUTLS_A_INTERNAL_ERROR)
        it.pair.server.handler.flushTransport()
        meanwhile.action = { [client = it.client, server = it.pair.server] in
            client.give(server.take())
            client.lose()
            #expect(client.outcome == nil)
        }
        it.lane.run()
        meanwhile.action = {}
        it.pair.loop.run()
        let error = try #require(it.client.handshakeError as? MTLSError)
        #expect(error.message.contains("alert 80"), "\(error)")
        #expect(it.signer.signatures == 1)
    }

    @Test func nothingIsSignedToHearTheLastWords() throws {
        let it = try LaneTests.Fixture()
        it.pair.interact()
        let session = try #require(it.pair.server.handler.session)
        gnutls_alert_send(session.handle, GNUTLS_AL_FATAL, GNUTLS_A_INTERNAL_ERROR)
        it.pair.server.handler.flushTransport()
        it.client.give(it.pair.server.take())
        it.client.lose()
        #expect((it.client.handshakeError as? MTLSError)?.code == .handshakeFailed)
        #expect(it.lane.cancelled == 1 && it.signer.signatures == 0)
    }

    @Test func theTimeForTheSignatureHoldsForLastWordsToo() throws {
        let meanwhile = LaneTests.Meanwhile()
        let it = try LaneTests.Fixture(signatureTimeout: .seconds(60)) { meanwhile.action() }
        it.pair.interact()
        meanwhile.action = { [client = it.client, loop = it.pair.loop] in
            client.give(ByteBuffer(bytes: [23, 3, 3, 0, 1]))
            client.lose()
            loop.advanceTime(by: .seconds(60))
            #expect((client.handshakeError as? MTLSError)?.code == .timeoutSignature)
        }
        it.lane.run()
        meanwhile.action = {}
        it.pair.loop.run()
        #expect(it.client.handshakeError != nil)
    }
}

import GnuTLS
import GnuTLSNIO
import MTLSCore
import NIOCore
import NIOEmbedded
import Testing

/// When the handshake begins, what it is told, and how it fails.
struct HandshakeTests {
    @Test(arguments: TLSVersion.allCases)
    func theHandshakeBeginsWhenTheHandlerIsAddedToAnActiveChannel(_ version: TLSVersion) throws {
        let pair = try BackToBack(Setup(version: version))
        #expect(pair.client.below.flushes == 1)
        pair.interact()
        #expect(pair.client.summary?.version == version)
        #expect(pair.server.summary?.version == version)
    }

    @Test func theHandshakeBeginsWhenTheChannelBecomesActive() throws {
        let pair = try BackToBack(active: false)
        #expect(pair.client.below.writes == 0)
        try pair.client.activate()
        try pair.server.activate()
        pair.interact()
        #expect(pair.client.summary != nil && pair.server.summary != nil)
        #expect(pair.client.recorder.events.first == .active)
    }

    @Test func noHandshakeBeginsAfterTheChannelWasInactive() throws {
        let pair = try BackToBack(active: false)
        let handlers = pair.client.channel.pipeline
        handlers.fireChannelInactive()
        handlers.fireChannelActive()
        pair.loop.run()
        #expect(pair.client.take() == nil)
        #expect(pair.client.handshakeError != nil)
    }

    @Test func aSecondChannelActiveBeginsNothing() throws {
        let pair = try BackToBack()
        let hello = pair.client.take()
        pair.client.channel.pipeline.fireChannelActive()
        #expect(hello != nil)
        #expect(pair.client.take() == nil)
    }

    @Test func whatIsWrittenInsideChannelActiveIsSentAfterTheHandshake() throws {
        let pair = try BackToBack(active: false)
        var written: EventLoopFuture<Void>?
        pair.client.recorder.onActive = { context in
            let promise = context.eventLoop.makePromise(of: Void.self)
            context.writeAndFlush(NIOAny(ByteBuffer(string: "early")), promise: promise)
            written = promise.futureResult
        }
        try pair.client.activate()
        #expect(try #require(written).isFulfilled == false)
        try pair.server.activate()
        pair.interact()
        #expect(pair.server.recorder.text == "early")
        #expect(written?.hasSucceeded == true)
    }

    @Test(arguments: TLSVersion.allCases)
    func flightsMayArriveByteByByte(_ version: TLSVersion) throws {
        let world = try World.shared()
        let pair = try BackToBack(Setup(version: version, demand: .required, clientKey: world.client))
        var moved = true
        while moved {
            moved = false
            for (from, to) in [(pair.client, pair.server), (pair.server, pair.client)] {
                var bytes = from.take() ?? ByteBuffer()
                while let byte = bytes.readSlice(length: 1) {
                    to.give(byte)
                    moved = true
                }
            }
        }
        #expect(pair.client.summary?.clientCertificate?.der == world.client.chain[0].der)
        #expect(pair.server.summary?.peerChain.map(\.der) == world.client.chain.map(\.der))
    }

    @Test(
        arguments: [
            (["h2", "http/1.1"], ["http/1.1"], "http/1.1"), (["http/1.1"], [], nil), ([], [], nil),
        ] as [([String], [String], String?)])
    func theAgreedProtocolIsAnnounced(_ clients: [String], _ servers: [String], _ agreed: String?) throws {
        let pair = try BackToBack.connected(Setup(clientProtocols: clients, serverProtocols: servers))
        #expect(pair.client.recorder.events == [.handshakeCompleted(agreed)])
        #expect(pair.client.summary?.applicationProtocol == agreed)
    }

    @Test func theSummaryIsThereBeforeTheEvent() throws {
        let pair = try BackToBack()
        var known = false
        pair.client.recorder.onHandshake = { [unowned pair] _ in known = pair.client.summary != nil }
        pair.interact()
        #expect(known)
    }

    @Test func theSummaryTellsWhatWasAgreed() throws {
        let world = try World.shared()
        let pair = try BackToBack.connected(Setup(demand: .required, clientKey: world.client))
        let summary = try #require(pair.client.summary)
        #expect(summary.peerChain.map(\.der) == [world.server.chain[0].der])
        #expect(summary.clientCertificate?.der == world.client.chain[0].der)
        #expect(summary.peerAskedForCertificate && !summary.isResumed && !summary.isKeyExternal)
        #expect(summary.signatureDuration == .zero)
        #expect(summary.duration > .zero)
        #expect(summary.cipherSuite.hasPrefix("TLS_"))
        #expect(pair.server.summary?.requestedServerName == "localhost")
    }

    @Test func dataThatCameWithTheLastFlightIsDelivered() throws {
        let world = try World.shared()
        let pair = try BackToBack(Setup(version: .v1_2, demand: .required, clientKey: world.client))
        // Under TLS 1.2 the server ends the handshake: its Finished and its first data travel together.
        pair.server.recorder.onHandshake = { context in
            context.writeAndFlush(NIOAny(ByteBuffer(string: "welcome")), promise: nil)
        }
        pair.interact()
        #expect(pair.client.recorder.events == [.handshakeCompleted(nil), .read("welcome"), .readComplete])
    }

    // MARK: Failures

    @Test(arguments: TLSVersion.allCases, [0, 1])
    func anEndDuringTheHandshakeIsAHandshakeErrorAndClosesTheChannel(_ version: TLSVersion, _ flights: Int) throws {
        let pair = try BackToBack(Setup(version: version))
        let write = pair.client.writeAndFlush("never sent")
        for _ in 0..<flights {
            pair.server.give(pair.client.take())
            var flight = pair.server.take()
            pair.client.give(flight?.readSlice(length: 50))
        }
        pair.client.lose()
        #expect(pair.client.recorder.events == [.error("tls.handshakeFailed"), .inactive])
        #expect((pair.client.handshakeError as? MTLSError)?.code == .handshakeFailed)
        #expect((write.failure as? MTLSError)?.code == .handshakeFailed)
        #expect(!pair.client.channel.isActive)
    }

    @Test func aHalfClosureDuringTheHandshakeIsAHandshakeErrorAndClosesTheChannel() throws {
        let pair = try BackToBack()
        pair.client.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        pair.loop.run()
        #expect(pair.client.recorder.events == [.error("tls.handshakeFailed"), .inactive])
        #expect(!pair.client.channel.isActive)
    }

    @Test func flushingWhenAnErrorIsCaughtDoesNotSpin() throws {
        let pair = try BackToBack()
        pair.client.recorder.onError = { context in
            context.writeAndFlush(NIOAny(ByteBuffer(string: "too late")), promise: nil)
            context.flush()
            context.read()
        }
        pair.client.lose()
        #expect(pair.client.recorder.events == [.error("tls.handshakeFailed"), .inactive])
        #expect(pair.client.below.writes == 1)
    }

    @Test func nothingSpinsAfterTheEnd() throws {
        let pair = try BackToBack()
        pair.client.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        pair.client.channel.pipeline.fireChannelReadComplete()
        pair.loop.run()
        let reads = pair.client.below.reads
        for _ in 0..<3 {
            pair.client.channel.pipeline.fireChannelReadComplete()
            pair.client.channel.pipeline.read()
            pair.client.channel.pipeline.flush()
        }
        pair.loop.run()
        #expect(pair.client.below.reads == reads)
        #expect(pair.client.recorder.errors.count == 1)
    }

    @Test func garbageInsteadOfTLSFailsTheHandshake() throws {
        let pair = try BackToBack()
        _ = pair.client.take()
        pair.client.give(ByteBuffer(string: "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"))
        pair.loop.run()
        #expect(pair.client.recorder.events == [.error("tls.handshakeFailed"), .inactive])
        #expect(pair.client.recorder.mtlsErrors.first?.message.contains("localhost") == true)
    }

    @Test(arguments: TLSVersion.allCases)
    func theAlertGoesOutBeforeTheChannelCloses(_ version: TLSVersion) throws {
        let world = try World.shared()
        let refusal = MTLSError(.nameMismatch, phase: .verify, fault: .peer, "not him")
        let setup = Setup(
            version: version, demand: .required, clientKey: world.client, clientJudge: { _, _ in .failure(refusal) })
        let pair = try BackToBack(setup)
        pair.server.give(pair.client.take())
        pair.client.give(pair.server.take())
        #expect(pair.client.recorder.events.first == .error("tls.nameMismatch"))
        #expect(pair.client.below.closes.count == 1)
        let alert = pair.client.take()
        #expect(alert != nil)
        pair.server.give(alert)
        pair.loop.run()
        let heard = pair.server.recorder.mtlsErrors.first?.message ?? ""
        #expect(version == .v1_2 || heard.contains("alert 42"), "\(heard)")
        #expect(!pair.server.channel.isActive)
    }

    @Test func aRejectionUnderTLS13ArrivesAfterTheHandshakeAndNamesTheCertificate() throws {
        let world = try World.shared()
        let setup = Setup(
            demand: .required, clientKey: world.client, serverJudge: { _, _ in .failure(Marked(mark: "revoked")) })
        let pair = try BackToBack.connected(setup)
        #expect(
            pair.client.recorder.events == [
                .handshakeCompleted(nil), .readComplete, .error("tls.clientCertificateRejected"), .inactive,
            ])
        let error = try #require(pair.client.recorder.mtlsErrors.first)
        #expect(error.message.contains("CN=alice"))
        #expect(error.phase == .response)
    }

    @Test func aRejectionUnderTLS12FailsTheHandshake() throws {
        let world = try World.shared()
        let setup = Setup(
            version: .v1_2, demand: .required, clientKey: world.client,
            serverJudge: { _, _ in .failure(Marked(mark: "revoked")) })
        let pair = try BackToBack.connected(setup)
        let error = try #require(pair.client.handshakeError as? MTLSError)
        #expect(error.code == .clientCertificateRejected)
        #expect(error.phase == .handshake)
    }

    @Test func aMissingCertificateUnderTLS13IsSaidToBeMissing() throws {
        let pair = try BackToBack.connected(Setup(demand: .required))
        #expect(pair.client.summary != nil)
        #expect(pair.client.recorder.mtlsErrors.first?.code == .clientCertificateRequired)
    }

    @Test func aMissingCertificateUnderTLS12IsSaidToBeMissing() throws {
        let pair = try BackToBack.connected(Setup(version: .v1_2, demand: .required))
        let error = try #require(pair.client.handshakeError as? MTLSError)
        #expect(error.code == .clientCertificateRequired, "\(error)")
    }

    @Test func aHandshakeFailureThatNobodyAskedACertificateForIsNotAMissingOne() throws {
        let alert = ByteBuffer(bytes: [21, 3, 3, 0, 2, 2, 40])
        let pair = try BackToBack()
        pair.client.give(alert)
        #expect((pair.client.handshakeError as? MTLSError)?.code == .handshakeFailed)
    }

    @Test func aServerDoesNotSpeakOfItsOwnCertificateAsTheClients() throws {
        let pair = try BackToBack.connected(Setup(clientJudge: { _, _ in .failure(Marked(mark: "expired")) }))
        let error = try #require(pair.server.handshakeError as? MTLSError)
        #expect(error.code == .handshakeFailed)
        #expect(error.message.contains("alert 42"))
    }

    @Test func anErrorFromBelowDuringTheHandshakeFailsIt() throws {
        let pair = try BackToBack()
        pair.client.channel.pipeline.fireErrorCaught(IOError(errnoCode: 104, reason: "read"))
        pair.loop.run()
        #expect((pair.client.handshakeError as? MTLSError)?.code == .connectionLost)
        #expect(pair.client.recorder.events == [.error("connection.lost"), .inactive])
    }
}

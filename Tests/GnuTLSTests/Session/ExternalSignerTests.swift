import Testing

@testable import GnuTLS

/// Keys that GnuTLS does not hold: when they are asked, for what, and how often.
struct ExternalSignerTests {
    static let matrix = TLSVersion.allCases.flatMap { version in SessionWorld.kinds.map { (version, $0) } }

    @Test(arguments: matrix)
    func anExternalKeySignsOnce(_ version: TLSVersion, _ kind: KeyKind) throws {
        let world = try SessionWorld.with(kind)
        let signer = RecordingSigner(world.clientKey)
        let pair = try world.pair(version, client: world.external(signer))
        pair.shake()
        #expect(pair.client.isDone && pair.server.isDone, "\(String(describing: pair.client.failure))")
        #expect(pair.server.session.peerChain == [world.client.chain[0].der])
        #expect(signer.inputs.count == 1)
        #expect(pair.client.session.timeToSign > .zero)
    }

    @Test(arguments: [(KeyKind.rsa(bits: 2048), SignatureScheme.rsaPSSRSAESHA256), (.ecdsaP256, .ecdsaSECP256R1SHA256)])
    func aDigestIsSignedUnderTLS13(_ kind: KeyKind, _ scheme: SignatureScheme) throws {
        let world = try SessionWorld.with(kind)
        let signer = RecordingSigner(world.clientKey)
        try world.pair(.v1_3, client: world.external(signer)).shake()
        guard case .digest(let digest, let used) = try #require(signer.inputs.first) else {
            Issue.record("\(signer.inputs)")
            return
        }
        #expect(digest.count == 32)
        #expect(used == scheme)
    }

    @Test(arguments: TLSVersion.allCases)
    func ed25519SignsTheWholeMessage(_ version: TLSVersion) throws {
        let world = try SessionWorld.with(.ed25519)
        let signer = RecordingSigner(world.clientKey)
        try world.pair(version, client: world.external(signer)).shake()
        guard case .message(let message, .ed25519) = try #require(signer.inputs.first) else {
            Issue.record("\(signer.inputs)")
            return
        }
        #expect(message.count > 64)
    }

    @Test func rsaSignsADigestInfoUnderTLS12() throws {
        let world = try SessionWorld.with(.rsa(bits: 2048))
        let signer = RecordingSigner(
            world.clientKey, refusing: [.rsaPSSRSAESHA256, .rsaPSSRSAESHA384, .rsaPSSRSAESHA512])
        let pair = try world.pair(
            .v1_2, client: world.external(signer), priority: "-SIGN-ALL:+SIGN-RSA-SHA256:+SIGN-ECDSA-SHA256")
        pair.shake()
        #expect(pair.server.isDone)
        guard case .digestInfo(let info) = try #require(signer.inputs.first) else {
            Issue.record("\(signer.inputs)")
            return
        }
        // SEQUENCE { SEQUENCE { id-sha256, NULL }, OCTET STRING of 32 bytes }
        #expect(info.prefix(4) == [0x30, 0x31, 0x30, 0x0d])
        #expect(info.count == 51)
    }

    @Test(arguments: matrix)
    func nothingIsSignedBeforeTheVerdict(_ version: TLSVersion, _ kind: KeyKind) throws {
        let world = try SessionWorld.with(kind)
        let signer = RecordingSigner(world.clientKey)
        let pair = try world.pair(version, client: world.external(signer))
        pair.client.verdict = nil
        pair.shake()
        #expect(signer.inputs.isEmpty)
        #expect(!pair.client.session.isPeerAccepted)
        #expect(pair.client.pauses > 0)
        // Stepping in vain changes nothing.
        for _ in 0..<3 { pair.client.step() }
        #expect(signer.inputs.isEmpty)
        #expect(pair.client.wire.outbound.isEmpty)

        pair.client.verdict = .success(())
        pair.shake()
        #expect(pair.client.isDone && pair.server.isDone)
        #expect(signer.inputs.count == 1)
    }

    @Test(arguments: matrix)
    func nothingIsSignedForARefusedPeer(_ version: TLSVersion, _ kind: KeyKind) throws {
        let world = try SessionWorld.with(kind)
        let signer = RecordingSigner(world.clientKey)
        let pair = try world.pair(version, client: world.external(signer))
        pair.client.verdict = .failure(Marked(mark: "impostor"))
        pair.shake()
        #expect(pair.client.failure != nil && pair.server.failure != nil)
        #expect(signer.inputs.isEmpty)
    }

    @Test(arguments: matrix)
    func aStepThatMustNotBlockDoesNotSign(_ version: TLSVersion, _ kind: KeyKind) throws {
        let world = try SessionWorld.with(kind)
        let signer = RecordingSigner(world.clientKey)
        let pair = try world.pair(version, client: world.external(signer))
        pair.client.mayBlock = false
        pair.shake()
        guard case .signatureOutOfPlace = try #require(pair.client.failure).kind else {
            Issue.record("\(String(describing: pair.client.failure))")
            return
        }
        #expect(signer.inputs.isEmpty)
        #expect(pair.server.failure != nil)
    }

    @Test(arguments: TLSVersion.allCases)
    func evenABlockingStepDoesNotSignWithoutAVerdict(_ version: TLSVersion) throws {
        let world = try SessionWorld.with(.ecdsaP256)
        let signer = RecordingSigner(world.clientKey)
        let key = try world.external(signer)
        // A server signs before it has seen anything of the client.
        let pair = SessionPair(
            client: try Side(world.context(.client, version)) { _ in nil },
            server: try Side(world.context(.server, version)) { _ in key })
        pair.client.step()
        pair.server.wire.inbound += pair.client.wire.take()
        let failure = #expect(throws: TLSFailure.self) { try pair.server.session.step(mayBlock: true) }
        guard case .signatureOutOfPlace = try #require(failure).kind else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(signer.inputs.isEmpty)
    }

    @Test(arguments: matrix)
    func aKeyThatFailsEndsBothSides(_ version: TLSVersion, _ kind: KeyKind) throws {
        let world = try SessionWorld.with(kind)
        let signer = RecordingSigner(world.clientKey, failure: Marked(mark: "removed"))
        let pair = try world.pair(version, client: world.external(signer))
        pair.shake()
        guard case .signature(let error) = try #require(pair.client.failure).kind else {
            Issue.record("\(String(describing: pair.client.failure))")
            return
        }
        #expect(error as? Marked == Marked(mark: "removed"))
        #expect(signer.inputs.count == 1)
        try expectAlert(80, at: pair.server, version)
    }

    @Test(arguments: TLSVersion.allCases)
    func theFirstFailureIsKept(_ version: TLSVersion) throws {
        let world = try SessionWorld.with(.ecdsaP256)
        let signer = RecordingSigner(world.clientKey, failure: Marked(mark: "first"))
        let pair = try world.pair(version, client: world.external(signer))
        pair.shake()
        pair.client.wire.hasEnded = true
        pair.client.session.refuse(Marked(mark: "second"))
        let later: [TLSFailure?] = [
            #expect(throws: TLSFailure.self) { _ = try pair.client.session.step(mayBlock: true) },
            #expect(throws: TLSFailure.self) { _ = try pair.client.receive() },
            #expect(throws: TLSFailure.self) { try pair.client.send([1]) },
        ]
        for failure in later {
            guard case .signature(let error) = failure?.kind else {
                Issue.record("\(String(describing: failure))")
                continue
            }
            #expect(error as? Marked == Marked(mark: "first"))
        }
        #expect(signer.inputs.count == 1)
    }

    @Test(arguments: matrix)
    func aPauseAtEveryByteStillSignsOnce(_ version: TLSVersion, _ kind: KeyKind) throws {
        let world = try SessionWorld.with(kind)
        let signer = RecordingSigner(world.clientKey)
        let pair = try world.pair(version, client: world.external(signer))
        pair.shake { _, size in Array(repeating: 1, count: size) }
        #expect(pair.client.isDone && pair.server.isDone)
        #expect(signer.inputs.count == 1)
    }
}

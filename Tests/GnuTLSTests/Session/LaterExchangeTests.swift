import CGnuTLS
import Testing

@testable import GnuTLS

/// Post-handshake authentication and renegotiation.
struct LaterExchangeTests {
    /// A pair whose handshake is over, in which nobody was asked for a certificate.
    struct Fixture {
        let world: SessionWorld
        let pair: SessionPair
        var client: Side { pair.client }
        var server: Side { pair.server }

        init(
            _ version: TLSVersion, _ kind: KeyKind = .ecdsaP256, allows: Bool = true, alpn: [String] = [],
            demand: ClientCertificateDemand = .ignored,
            choose: @escaping (SessionWorld, CertificateRequest) throws -> CertifiedKey? = { world, _ in world.client }
        ) throws {
            let world = try SessionWorld.with(kind)
            self.world = world
            let options = TLSOptions(
                minimumVersion: version, maximumVersion: version, applicationProtocols: alpn,
                allowsRenegotiation: allows)
            pair = SessionPair(
                client: try Side(
                    TLSContext(role: .client, options: options), authenticatesLater: allows,
                    choose: { try choose(world, $0) }),
                server: try Side(
                    TLSContext(role: .server, options: options, acceptedIssuers: [world.authority]),
                    clientCertificate: demand, authenticatesLater: true, choose: { _ in world.server }))
            pair.shake()
            try #require(client.isDone && server.isDone)
        }

        /// The server asks, and whatever follows is carried to and fro.
        ///
        /// - Returns: What the client read before it came upon the wish.
        @discardableResult
        func ask(_ demand: ClientCertificateDemand = .requested) throws -> [UInt8] {
            try #require(try server.session.requestAuthentication(demand))
            server.resume()
            pair.exchange()
            let (bytes, end) = try client.receive()
            #expect(end == .stepWanted)
            client.resume()
            pair.shake()
            return bytes
        }

        /// Whether data goes both ways.
        func talks() throws -> Bool {
            try client.send([1])
            try server.send([2])
            pair.exchange()
            return try server.receive() == ([1], .dry) && client.receive() == ([2], .dry)
        }
    }

    @Test(arguments: TLSVersion.allCases, SessionWorld.kinds)
    func aServerGetsTheCertificateAfterTheHandshake(_ version: TLSVersion, _ kind: KeyKind) throws {
        let it = try Fixture(version, kind)
        #expect(it.client.session.shownCertificate == nil)
        try it.ask()
        #expect(it.client.isDone && it.server.isDone)
        #expect(it.server.session.peerChain == it.world.client.chain.map(\.der))
        #expect(it.client.session.shownCertificate == it.world.client.chain.first)
        #expect(try it.talks())
    }

    @Test(arguments: TLSVersion.allCases, SessionWorld.kinds)
    func aKeyElsewhereSignsOnce(_ version: TLSVersion, _ kind: KeyKind) throws {
        let signer = RecordingSigner(try SessionWorld.with(kind).clientKey)
        let it = try Fixture(version, kind) { world, _ in try world.external(signer) }
        #expect(signer.inputs.isEmpty)
        try it.ask(.required)
        #expect(signer.inputs.count == 1)
        #expect(it.server.session.peerChain == it.world.client.chain.map(\.der))
        #expect(it.client.session.hasSigned)
    }

    @Test(arguments: TLSVersion.allCases)
    func anotherKeyMayFollowTheFirst(_ version: TLSVersion) throws {
        let rsa = try SessionWorld.with(.rsa(bits: 2048))
        let keys = [try SessionWorld.with(.ed25519), rsa, rsa].map { RecordingSigner($0.clientKey) }
        var count = 0
        let it = try Fixture(version, demand: .ignored) { _, _ in
            defer { count += 1 }
            let world = try SessionWorld.with(count == 0 ? .ed25519 : .rsa(bits: 2048))
            return try world.external(keys[count])
        }
        try it.ask()
        #expect(it.client.isDone)
        #expect(keys.map(\.inputs.count) == [1, 0, 0])
        // A server of GnuTLS does not let a client change its certificate; the signature was made all the same.
        try it.ask()
        #expect(keys.map(\.inputs.count) == [1, 1, 0])
    }

    @Test(arguments: TLSVersion.allCases)
    func aConnectionIsAuthenticatedManyTimesButNotForEver(_ version: TLSVersion) throws {
        let signer = RecordingSigner(try SessionWorld.with(.ecdsaP256).clientKey)
        let it = try Fixture(version, demand: .required) { world, _ in try world.external(signer) }
        for _ in 1...TLSSession.laterExchangeLimit { try it.ask() }
        #expect(try it.talks())
        #expect(signer.inputs.count == 1 + TLSSession.laterExchangeLimit)
        #expect(try it.server.session.requestAuthentication(.requested))
        it.server.resume()
        it.pair.exchange()
        let failure = try #require(throws: TLSFailure.self) { try it.client.receive() }
        guard case .laterExchange(.tooMany) = failure.kind else { throw failure }
        #expect(signer.inputs.count == 1 + TLSSession.laterExchangeLimit)
    }

    @Test func aClientThatDoesNotOfferItIsNotAsked() throws {
        let it = try Fixture(.v1_3, allows: false)
        #expect(try !it.server.session.requestAuthentication(.requested))
        #expect(try it.talks())
    }

    @Test func aCertificateIsNotShownOverHTTP2() throws {
        let it = try Fixture(.v1_3, alpn: ["h2"])
        #expect(try it.server.session.requestAuthentication(.requested))
        it.server.resume()
        it.pair.exchange()
        let failure = try #require(throws: TLSFailure.self) { try it.client.receive() }
        guard case .laterExchange(.forbiddenByHTTP2) = failure.kind else { throw failure }
        it.pair.exchange()
        it.server.step()
        guard case .alert(let alert) = try #require(it.server.failure).kind else { throw failure }
        #expect(alert.number == 10)
    }

    @Test func afterTheOutputsEndTheWishIsAnError() throws {
        let it = try Fixture(.v1_3)
        it.client.session.close()
        #expect(try it.server.session.requestAuthentication(.requested))
        it.server.resume()
        it.pair.exchange()
        let failure = try #require(throws: TLSFailure.self) { try it.client.receive() }
        guard case .laterExchange(.outputClosed) = failure.kind else { throw failure }
    }

    @Test func withNothingToShowTheConnectionFails() throws {
        let it = try Fixture(.v1_3) { _, _ in nil }
        try it.ask()
        guard case .certificateNotSent = try #require(it.client.failure).kind else {
            throw try #require(it.client.failure)
        }
        #expect(it.server.session.peerChain.isEmpty && !it.server.isDone)
    }

    @Test(arguments: TLSVersion.allCases)
    func aChoiceThatFailsFailsTheConnection(_ version: TLSVersion) throws {
        let it = try Fixture(version) { _, _ in throw Marked(mark: "none fits") }
        try it.ask()
        guard case .choice(let reason) = try #require(it.client.failure).kind else {
            throw try #require(it.client.failure)
        }
        #expect(reason as? Marked == Marked(mark: "none fits"))
    }

    @Test(arguments: TLSVersion.allCases)
    func aSignatureThatFailsFailsTheConnection(_ version: TLSVersion) throws {
        let signer = RecordingSigner(
            try SessionWorld.with(.ecdsaP256).clientKey, failure: Marked(mark: "the token was removed"))
        let it = try Fixture(version) { world, _ in try world.external(signer) }
        try it.ask()
        guard case .signature(let reason) = try #require(it.client.failure).kind else {
            throw try #require(it.client.failure)
        }
        #expect(reason as? Marked == Marked(mark: "the token was removed"))
        #expect(signer.inputs.count == 1)
        #expect(throws: TLSFailure.self) { try it.client.send([1]) }
    }

    @Test(arguments: TLSVersion.allCases)
    func aStepThatMustNotBlockDoesNotSign(_ version: TLSVersion) throws {
        let signer = RecordingSigner(try SessionWorld.with(.ecdsaP256).clientKey)
        let it = try Fixture(version) { world, _ in try world.external(signer) }
        it.client.mayBlock = false
        try it.ask()
        guard case .signatureOutOfPlace = try #require(it.client.failure).kind else {
            throw try #require(it.client.failure)
        }
        #expect(signer.inputs.isEmpty)
    }

    @Test(arguments: TLSVersion.allCases)
    func dataOnTheWayIsNotLost(_ version: TLSVersion) throws {
        let it = try Fixture(version)
        try it.client.send([1, 2, 3])
        try it.server.send([4, 5])
        #expect(try it.ask() == [4, 5])
        #expect(it.client.isDone && it.server.isDone)
        #expect(try it.server.receive() == ([1, 2, 3], .dry))
        #expect(try it.talks())
    }

    // MARK: Renegotiation

    @Test func renegotiationDemandsAVerdictOfItsOwn() throws {
        let it = try Fixture(.v1_2)
        #expect(it.client.pauses == 1)
        try it.ask()
        #expect(it.client.pauses == 2)
        #expect(it.client.isDone)
    }

    @Test func aRefusalInRenegotiationComesBeforeTheSignature() throws {
        let signer = RecordingSigner(try SessionWorld.with(.ecdsaP256).clientKey)
        let it = try Fixture(.v1_2) { world, _ in try world.external(signer) }
        it.client.verdict = .failure(Marked(mark: "revoked meanwhile"))
        try it.ask()
        guard case .refused(let reason) = try #require(it.client.failure).kind else {
            throw try #require(it.client.failure)
        }
        #expect(reason as? Marked == Marked(mark: "revoked meanwhile"))
        #expect(signer.inputs.isEmpty)
    }

    /// A server of GnuTLS keeps to its certificate, so it is the memory of the client that is changed.
    @Test func anotherCertificateThanBeforeIsRefusedBeforeTheSignature() throws {
        let signer = RecordingSigner(try SessionWorld.with(.ecdsaP256).clientKey)
        let it = try Fixture(.v1_2) { world, _ in try world.external(signer) }
        #expect(try it.server.session.requestAuthentication(.requested))
        it.pair.exchange()
        #expect(try it.client.receive().end == .stepWanted)
        it.client.session.formerPeer = it.world.client.chain.first?.der
        it.server.resume()
        it.client.resume()
        it.pair.shake()
        let failure = try #require(it.client.failure)
        guard case .laterExchange(.peerChanged) = failure.kind else { throw failure }
        #expect(signer.inputs.isEmpty)
    }

    @Test func whereItIsNotAllowedBothSidesAreToldSo() throws {
        let it = try Fixture(.v1_2, allows: false)
        #expect(try it.server.session.requestAuthentication(.requested))
        it.server.resume()
        it.pair.exchange()
        #expect(try it.client.receive() == ([], .dry))
        #expect(it.client.session.hasDeclinedRenegotiation)
        it.pair.exchange()
        it.server.step()
        guard case .alert(let alert) = try #require(it.server.failure).kind else {
            throw try #require(it.server.failure)
        }
        #expect(alert.number == 100)
    }

    /// GnuTLS begins anew when that happens, and the server does not.
    @Test func aServerThatSendsDataInTheMiddleOfItIsGivenUp() throws {
        let it = try Fixture(.v1_2)
        #expect(try it.server.session.requestAuthentication(.requested))
        it.pair.exchange()
        #expect(try it.client.receive().end == .stepWanted)
        try it.server.send([1, 2, 3])
        it.pair.exchange()
        it.client.resume()
        let failure = try #require(it.client.failure)
        guard case .laterExchange(.dataMeanwhile) = failure.kind else { throw failure }
    }

    @Test func aClientCannotFillTheServersMemoryBeforeItAnswers() throws {
        let it = try Fixture(.v1_2)
        #expect(try it.server.session.requestAuthentication(.requested))
        it.server.resume()
        try it.client.send([UInt8](repeating: 7, count: 1 << 19))
        it.pair.shake()
        let failure = try #require(it.server.failure)
        guard case .laterExchange(.dataMeanwhile) = failure.kind else { throw failure }
    }

    // MARK: Key updates

    @Test func aTransferBothWaysSurvivesTheServersKeyUpdates() throws {
        let pair = try SessionWorld.with(.ecdsaP256).connected(.v1_3)
        for round in 0..<6 {
            let data = [UInt8](repeating: UInt8(round), count: 50_000)
            try pair.server.send(data)
            // The client has to change its keys as well.
            #expect(gnutls_session_key_update(pair.server.session.handle, UInt32(GNUTLS_KU_PEER)) == 0)
            try pair.server.send(data)
            pair.exchange()
            #expect(try pair.client.receive() == (data + data, .dry))
            try pair.client.send(data)
            pair.exchange()
            #expect(try pair.server.receive() == (data, .dry))
        }
    }

    @Test func aFloodOfKeyUpdatesEndsTheConnection() throws {
        let pair = try SessionWorld.with(.ecdsaP256).connected(.v1_3)
        for _ in 0..<100 { #expect(gnutls_session_key_update(pair.server.session.handle, 0) == 0) }
        pair.exchange()
        let failure = try #require(throws: TLSFailure.self) { try pair.client.receive() }
        guard case .gnutls(let error) = failure.kind else { throw failure }
        #expect(error.name == "GNUTLS_E_TOO_MANY_HANDSHAKE_PACKETS")
    }
}

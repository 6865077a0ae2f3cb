import Testing

@testable import GnuTLS

/// A client and a server that keep their contexts, as processes do, over many connections.
private struct Resuming {
    let world: SessionWorld
    let version: TLSVersion
    let client: TLSContext
    var server: TLSContext

    init(_ version: TLSVersion, clientALPN: [String] = [], serverALPN: [String] = []) throws {
        world = try SessionWorld.with(.ecdsaP256)
        self.version = version
        client = try Self.context(.client, version, clientALPN, world)
        server = try Self.context(.server, version, serverALPN, world)
    }

    private static func context(
        _ role: TLSContext.Role, _ version: TLSVersion, _ alpn: [String], _ world: SessionWorld
    ) throws -> TLSContext {
        let options = TLSOptions(
            minimumVersion: version, maximumVersion: version, applicationProtocols: alpn, resumesSessions: true)
        return try TLSContext(role: role, options: options, acceptedIssuers: role == .server ? [world.authority] : [])
    }

    /// The same server after it has lost the key of its tickets.
    mutating func restartServer() throws { server = try Self.context(.server, version, [], world) }

    /// Two sides that have not begun.
    func pair(
        offering session: ResumableSession? = nil, demand: ClientCertificateDemand = .required,
        client certified: CertifiedKey? = nil
    ) throws -> SessionPair {
        let clientSide = try Side(client) { _ in certified }
        if let session { #expect(clientSide.session.offer(session)) }
        let key = world.server
        return SessionPair(client: clientSide, server: try Side(server, clientCertificate: demand) { _ in key })
    }

    /// What a full handshake with a signer leaves behind.
    func sessions(of certified: CertifiedKey?, demand: ClientCertificateDemand = .required) throws
        -> [ResumableSession]
    {
        let pair = try pair(demand: demand, client: certified)
        pair.shake()
        #expect(pair.client.isDone && pair.server.isDone)
        return try pair.given()
    }
}

extension SessionPair {
    /// The sessions that the client was given, after it has read what there was.
    fileprivate func given() throws -> [ResumableSession] {
        exchange()
        _ = try client.receive()
        return client.session.takeGivenSessions()
    }
}

@Suite struct ResumptionTests {
    @Test(arguments: TLSVersion.allCases)
    func aResumedSessionAsksTheKeyForNothingAndCarriesTheClientsCertificate(_ version: TLSVersion) throws {
        let resuming = try Resuming(version)
        let signer = RecordingSigner(resuming.world.clientKey)
        let key = try resuming.world.external(signer)
        let session = try #require(try resuming.sessions(of: key).first)
        #expect(signer.inputs.count == 1)

        let pair = try resuming.pair(offering: session, client: key)
        pair.shake()
        #expect(pair.client.isDone && pair.server.isDone)
        #expect(pair.client.session.isResumed)
        #expect(signer.inputs.count == 1)
        #expect(pair.client.pauses == 0)
        #expect(pair.client.session.shownCertificate?.subject == key.chain.first?.subject)
        #expect(pair.client.session.peerChain == session.peerChain)
        #expect(pair.server.session.peerChain == key.chain.map(\.der))
    }

    @Test func theServersTicketsOfTLS13AreEachASessionOfTheirOwn() throws {
        let sessions = try Resuming(.v1_3).sessions(of: nil, demand: .ignored)
        #expect(sessions.count == 2)
        #expect(sessions.first?.state != sessions.last?.state)
        #expect(sessions.allSatisfy { !$0.isReusable && $0.lifetime ?? .zero > .zero })
    }

    @Test(arguments: TLSVersion.allCases)
    func aResumedSessionGivesSessionsInItsTurn(_ version: TLSVersion) throws {
        let resuming = try Resuming(version)
        let key = resuming.world.client
        var session = try #require(try resuming.sessions(of: key).first)
        for _ in 1...3 {
            let pair = try resuming.pair(offering: session, client: key)
            pair.shake()
            #expect(pair.client.session.isResumed)
            let given = try pair.given()
            if version == .v1_3 { session = try #require(given.first) }
            #expect(session.shown === key)
        }
    }

    @Test(arguments: TLSVersion.allCases)
    func aSessionThatIsDeclinedLeadsToASignatureAfterTheVerdict(_ version: TLSVersion) throws {
        var resuming = try Resuming(version)
        let signer = RecordingSigner(resuming.world.clientKey)
        let key = try resuming.world.external(signer)
        let session = try #require(try resuming.sessions(of: key).first)
        try resuming.restartServer()

        let pair = try resuming.pair(offering: session, client: key)
        pair.client.verdict = nil
        pair.shake()
        #expect(pair.client.pauses == 1)
        #expect(signer.inputs.count == 1)
        pair.client.session.accept()
        pair.shake()
        #expect(pair.client.isDone && pair.server.isDone)
        #expect(!pair.client.session.isResumed)
        #expect(signer.inputs.count == 2)
    }

    @Test(arguments: TLSVersion.allCases)
    func aSessionThatIsDeclinedByAnotherServerGivesItNoSignature(_ version: TLSVersion) throws {
        var resuming = try Resuming(version)
        let signer = RecordingSigner(resuming.world.clientKey)
        let key = try resuming.world.external(signer)
        let session = try #require(try resuming.sessions(of: key).first)
        try resuming.restartServer()

        let pair = try resuming.pair(offering: session, client: key)
        pair.client.verdict = .failure(Marked(mark: "not the one"))
        pair.shake()
        guard case .refused = pair.client.failure?.kind else {
            Issue.record("\(String(describing: pair.client.failure))")
            return
        }
        #expect(signer.inputs.count == 1)
    }

    /// The promise that the chain was judged anew holds for the chain that is stored, and for no other.
    @Test(arguments: TLSVersion.allCases)
    func aResumedSessionOfAnotherChainIsRefused(_ version: TLSVersion) throws {
        let resuming = try Resuming(version)
        let session = try #require(try resuming.sessions(of: nil, demand: .ignored).first)
        let altered = ResumableSession(
            state: session.state, version: version, peerChain: resuming.world.client.chain.map(\.der), shown: nil,
            lifetime: nil)
        let pair = try resuming.pair(offering: altered, demand: .ignored)
        pair.shake()
        #expect(!pair.client.isDone)
        #expect(pair.client.failure != nil)
    }

    @Test(arguments: TLSVersion.allCases)
    func anAnonymousSessionShowsNobody(_ version: TLSVersion) throws {
        let resuming = try Resuming(version)
        let session = try #require(try resuming.sessions(of: resuming.world.client, demand: .ignored).first)
        #expect(session.shown == nil)
        let pair = try resuming.pair(offering: session, demand: .ignored, client: resuming.world.client)
        pair.shake()
        #expect(pair.client.session.isResumed)
        #expect(pair.client.session.shownCertificate == nil)
    }

    @Test(arguments: TLSVersion.allCases)
    func aResumedSessionAgreesOnAProtocolAnew(_ version: TLSVersion) throws {
        let first = try Resuming(version, clientALPN: ["http/1.1"], serverALPN: ["http/1.1"])
        let session = try #require(try first.sessions(of: nil, demand: .ignored).first)
        let pair = try first.pair(offering: session, demand: .ignored)
        pair.shake()
        #expect(pair.client.session.isResumed)
        #expect(pair.client.session.applicationProtocol == "http/1.1")
    }

    @Test(arguments: TLSVersion.allCases)
    func aSessionOfAnotherVersionIsNotResumed(_ version: TLSVersion) throws {
        let session = try #require(try Resuming(version).sessions(of: nil, demand: .ignored).first)
        let other = try Resuming(version == .v1_2 ? .v1_3 : .v1_2)
        let side = try Side(other.client) { _ in nil }
        side.session.offer(session)
        let pair = SessionPair(client: side, server: try other.pair(demand: .ignored).server)
        pair.shake()
        #expect(!pair.client.session.isResumed)
    }

    @Test(arguments: TLSVersion.allCases)
    func withoutTheOptionNothingIsGiven(_ version: TLSVersion) throws {
        let pair = try SessionWorld.with(.ecdsaP256).connected(version)
        pair.exchange()
        _ = try pair.client.receive()
        #expect(pair.client.session.takeGivenSessions().isEmpty)
    }

    @Test(arguments: TLSVersion.allCases)
    func whatWasAgreedIsToldByName(_ version: TLSVersion) throws {
        let resuming = try Resuming(version)
        let pair = try resuming.pair(client: resuming.world.client)
        pair.shake()
        let session = pair.client.session
        #expect(session.cipherSuite?.hasPrefix("TLS_") == true)
        #expect(session.group == "X25519" || session.group == "SECP256R1")
        #expect(session.serverSignatureAlgorithm?.hasPrefix("ECDSA") == true)
        #expect(session.clientSignatureAlgorithm?.hasPrefix("ECDSA") == true)
    }
}

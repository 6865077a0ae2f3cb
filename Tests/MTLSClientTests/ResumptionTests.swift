import DevPKI
import GnuTLS
import MTLSClient
import MTLSTestKit
import Testing

/// Each request makes a connection: the servers close them.
@Suite struct ResumptionTests {
    private let world: World

    init() throws { world = try World() }

    private func server(
        _ clients: MTLSServer.Clients = .required, versions: ClosedRange<TLSVersion> = .v1_2 ... .v1_3
    ) async throws -> MTLSServer {
        try await world.server(clients, versions: versions, resumes: true) {
            .response(body: $0.client.certificate?.subject ?? "nobody", then: .close)
        }
    }

    private func get(_ agent: Agent, _ url: String) async throws -> (handshake: HandshakeSummary, body: String) {
        let response = try await agent.get(url)
        return (
            try #require(response.connection.handshake), try await response.body.text(upTo: .kibibytes(1))
        )
    }

    @Test(arguments: TLSVersion.allCases)
    func aSecondConnectionResumesAndTellsOfTheFirstHandshake(version: TLSVersion) async throws {
        let server = try await server(versions: version...version)
        let agent = Agent(identity: try world.identity("alice"), trust: world.trust)
        let first = try await get(agent, server.url)
        #expect(!first.handshake.isResumed)
        #expect(first.handshake.serverSignatureAlgorithm?.hasPrefix("ECDSA") == true)
        #expect(first.handshake.clientSignatureAlgorithm?.hasPrefix("ECDSA") == true)
        for _ in 1...5 {
            let (handshake, body) = try await get(agent, server.url)
            #expect(handshake.isResumed)
            #expect(body == "CN=alice")
            #expect(handshake.version == version)
            #expect(handshake.clientCertificate?.subject == "CN=alice")
            #expect(handshake.peerAskedForCertificate)
            #expect(handshake.peerChain.map(\.der) == first.handshake.peerChain.map(\.der))
            #expect(handshake.serverSignatureAlgorithm == nil && handshake.clientSignatureAlgorithm == nil)
        }
        #expect(server.requests.count { $0.client.isResumed && $0.client.authorized } == 5)
        await agent.shutdown()
    }

    @Test func byThePolicyNothingIsResumed() async throws {
        let server = try await server()
        let agent = Agent(
            identity: try world.identity("alice"), trust: world.trust, tls: TLSSettings(resumption: .off))
        for _ in 1...2 { #expect(try await !get(agent, server.url).handshake.isResumed) }
        await agent.shutdown()
    }

    @Test func aSessionThatIsTooOldIsNotResumed() async throws {
        let server = try await server()
        let agent = Agent(
            identity: try world.identity("alice"), trust: world.trust,
            tls: TLSSettings(resumption: .on(maximumAge: .zero)))
        for _ in 1...2 { #expect(try await !get(agent, server.url).handshake.isResumed) }
        await agent.shutdown()
    }

    @Test(arguments: TLSVersion.allCases)
    func aServerThatForgotTheSessionsGetsAFullHandshake(version: TLSVersion) async throws {
        let first = try await server(versions: version...version)
        let second = try await server(versions: version...version)
        let route = Route(first.port)
        let agent = Agent(
            connector: TLSConnector(
                identity: try world.identity("alice"), trust: world.trust,
                over: TCPConnector { _ in Endpoint("127.0.0.1", route.port) }))
        #expect(try await !get(agent, "https://localhost").handshake.isResumed)
        route.port = second.port
        let (handshake, body) = try await get(agent, "https://localhost")
        #expect(!handshake.isResumed)
        #expect(body == "CN=alice")
        #expect(try await get(agent, "https://localhost").handshake.isResumed)
        await agent.shutdown()
    }

    // MARK: What must not mix

    /// One server for all names and ports, so that it would resume whatever it is offered.
    private func outcomes(
        of connectors: [TLSConnector], _ urls: [String]
    ) async throws -> [(isResumed: Bool, body: String)] {
        var outcomes: [(Bool, String)] = []
        for (connector, url) in zip(connectors, urls) {
            let agent = Agent(connector: connector)
            let (handshake, body) = try await get(agent, url)
            outcomes.append((handshake.isResumed, body))
            await agent.shutdown()
        }
        return outcomes
    }

    private func connector(_ identity: Identity?, to server: MTLSServer, tls: TLSSettings = TLSSettings())
        -> TLSConnector
    {
        let port = server.port
        return TLSConnector(
            identity: identity, trust: world.trust, settings: tls,
            over: TCPConnector { _ in Endpoint("127.0.0.1", port) })
    }

    @Test(arguments: TLSVersion.allCases)
    func hostsPortsAndNamesShareNoSession(version: TLSVersion) async throws {
        let server = try await server(versions: version...version)
        let connector = connector(try world.identity("alice"), to: server)
        let urls = ["https://localhost", "https://127.0.0.1", "https://localhost:444", "https://localhost"]
        let outcomes = try await outcomes(of: Array(repeating: connector, count: urls.count), urls)
        #expect(outcomes.map(\.isResumed) == [false, false, false, true])
    }

    @Test(arguments: TLSVersion.allCases)
    func connectorsShareNoSession(version: TLSVersion) async throws {
        let server = try await server(versions: version...version)
        let identity = try world.identity("alice")
        let strict = connector(identity, to: server)
        let other = connector(identity, to: server)
        let named = connector(identity, to: server, tls: TLSSettings(serverName: "localhost"))
        let connectors = [strict, other, named, strict]
        let outcomes = try await outcomes(
            of: connectors, Array(repeating: "https://localhost", count: connectors.count))
        #expect(outcomes.map(\.isResumed) == [false, false, false, true])
    }

    @Test(arguments: TLSVersion.allCases)
    func identitiesShareNoSession(version: TLSVersion) async throws {
        let server = try await server(.requested, versions: version...version)
        let (alice, bob) = (try world.identity("alice"), try world.identity("bob"))
        let current = Current(alice)
        let connector = connector(
            .resolving { endpoint in try await current.identity?.candidates(for: endpoint) ?? [] }, to: server)
        var seen: [String] = []
        var resumed: [Bool] = []
        for identity in [alice, bob, bob, nil, nil, alice] {
            current.identity = identity
            let outcome = try #require(try await outcomes(of: [connector], ["https://localhost"]).first)
            seen.append(outcome.body)
            resumed.append(outcome.isResumed)
        }
        #expect(seen == ["CN=alice", "CN=bob", "CN=bob", "nobody", "nobody", "CN=alice"])
        #expect(resumed == [false, false, true, false, true, false])
    }

    @Test(arguments: TLSVersion.allCases)
    func aSessionInWhichWeShowedNobodyServesNoIdentity(version: TLSVersion) async throws {
        let server = try await server(.ignored, versions: version...version)
        let agent = Agent(identity: try world.identity("alice"), trust: world.trust)
        for _ in 1...3 { #expect(try await !get(agent, server.url).handshake.isResumed) }
        await agent.shutdown()
    }

    @Test func sessionsOfSeveralCandidatesKeepTheIdentityThatWasChosen() async throws {
        let server = try await server()
        let stranger = try CertificateAuthority(commonName: "Elsewhere").issueClient(commonName: "mallory")
        let alice = try world.authority.issueClient(commonName: "alice")
        let candidates = try await [stranger, alice].asyncMap { issued in
            try await Identity.pem(
                certificate: issued.certificatePEM, key: issued.keyPEM().withUnsafeBytes { Array($0) }
            ).candidates(for: Endpoint("localhost", 443))
        }.flatMap { $0 }
        let agent = Agent(identity: .resolving { _ in candidates }, trust: world.trust)
        for isResumed in [false, true, true] {
            let (handshake, body) = try await get(agent, server.url)
            #expect(handshake.isResumed == isResumed)
            #expect(body == "CN=alice")
            #expect(handshake.clientCertificate?.subject == "CN=alice")
        }
        await agent.shutdown()
    }
}

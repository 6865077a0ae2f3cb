import CountingModuleSupport
import DevPKI
import GnuTLS
import MTLSClient
import MTLSTestKit
import Synchronization
import Testing

/// How often a token signs when sessions are resumed. The server closes each connection after its response.
@Suite struct ResumptionTokenTests {
    private static func world(_ version: TLSVersion = .v1_3) async throws -> TokenWorld {
        try await TokenWorld(versions: version...version, resumes: true, then: .close)
    }

    /// For many requests at once on a machine that does much else.
    private static func patient() -> ClientSettings {
        var settings = ClientSettings()
        settings.timeouts = Timeouts(wait: nil, handshake: .seconds(120))
        return settings
    }

    private func failures(_ outcomes: [Result<Int, MTLSError>]) -> [String] {
        outcomes.compactMap { if case .failure(let error) = $0 { error.description } else { nil } }
    }

    @Test(arguments: TLSVersion.allCases)
    func manyConnectionsCostOneSignature(version: TLSVersion) async throws {
        let world = try await Self.world(version)
        let client = try world.client()
        for _ in 1...200 { #expect(try await client.get().status == .ok) }
        #expect(world.counting.count(of: "C_Sign") == 1)
        #expect(world.server.connectionCount == 200)
        #expect(world.server.requests.allSatisfy { $0.client.authorized })
        await client.shutdown()
    }

    @Test(arguments: TLSVersion.allCases)
    func aColdBurstCostsOneSignature(version: TLSVersion) async throws {
        let world = try await Self.world(version)
        let client = try world.client(settings: Self.patient())
        let outcomes = await world.outcomes(of: 32, with: client)
        #expect(failures(outcomes) == [])
        #expect(world.counting.count(of: "C_Sign") <= 2)
        await client.shutdown()
    }

    @Test(arguments: TLSVersion.allCases)
    func aServerThatForgotTheSessionGetsASignatureOnTheTokensLane(version: TLSVersion) async throws {
        let (world, other) = (try await Self.world(version), try await Self.world(version))
        let restarted = try await MTLSServer(
            identity: world.authority.issue(.server(names: ["localhost"])), clients: .required,
            trusting: [world.authority.root], versions: version...version, resumes: true)
        let port = Mutex(world.server.port)
        let client = try Client(
            "https://localhost",
            connector: TLSConnector(
                identity: world.identity, trust: world.trust,
                over: TCPConnector { _ in Endpoint("127.0.0.1", port.withLock { $0 }) }))
        _ = try await client.get()
        port.withLock { $0 = restarted.port }
        let held = world.counting.block("C_Sign")
        async let response = client.get()
        for await _ in held { break }
        // The signature takes its time, and the loop does not: others are served meanwhile.
        let unhindered = try other.client()
        #expect(try await unhindered.get().status == .ok)
        world.counting.unblock("C_Sign")
        #expect(try await response.connection.handshake?.isResumed == false)
        #expect(world.counting.count(of: "C_Sign") == 2)
        await client.shutdown()
        await unhindered.shutdown()
    }

    @Test func withoutCoalescingABurstCostsASignatureForEachConnection() async throws {
        let world = try await Self.world()
        let held = world.counting.block("C_Sign")
        var settings = Self.patient()
        settings.connectionLimit = 4
        let client = try world.client(tls: TLSSettings(resumption: .on(coalescing: false)), settings: settings)
        async let outcomes = world.outcomes(of: 4, with: client)
        var arrivals = held.makeAsyncIterator()
        for _ in 1...4 { await arrivals.next() }
        world.counting.unblock("C_Sign")
        #expect(await failures(outcomes) == [])
        #expect(world.counting.count(of: "C_Sign") == 4)
        await client.shutdown()
    }

    @Test func aServerWithoutTicketsServesABurst() async throws {
        let world = try await TokenWorld(then: .close)
        let client = try world.client(settings: Self.patient())
        let outcomes = await world.outcomes(of: 16, with: client)
        #expect(failures(outcomes) == [])
        #expect(world.counting.count(of: "C_Sign") == 16)
        await client.shutdown()
    }

    @Test func aWrongPINFailsABurstByOneTry() async throws {
        let world = try await Self.world()
        let identity = Identity.token(
            "\(world.token.uri);object=client", pin: secret("wrong"), module: world.counting.path)
        let client = try world.client(identity: identity)
        let outcomes = await world.outcomes(of: 16, with: client)
        for outcome in outcomes {
            #expect { try outcome.get() } throws: { ($0 as? MTLSError)?.code == .pinIncorrect }
        }
        #expect(world.counting.count(of: "C_Login") == 1)
        #expect(world.counting.count(of: "C_Sign") == 0)
        await client.shutdown()
    }

    /// Under TLS 1.3 that shows only after the handshake.
    @Test(arguments: TLSVersion.allCases)
    func aServerThatRejectsTheCertificateFailsABurstByOneSignature(version: TLSVersion) async throws {
        let world = try await Self.world()
        let other = try CertificateAuthority(commonName: "Other Root")
        let server = try await MTLSServer(
            identity: world.authority.issue(.server(names: ["127.0.0.1"])), clients: .required,
            trusting: [other.root], versions: version...version, resumes: true)
        let client = try Client(server.url, identity: world.identity, trust: world.trust)
        // All are there before the first is rejected.
        let held = world.counting.block("C_Sign")
        async let outcomes = world.outcomes(of: 8, with: client)
        for await _ in held { break }
        world.counting.unblock("C_Sign")
        for outcome in await outcomes {
            #expect { try outcome.get() } throws: { ($0 as? MTLSError)?.code == .clientCertificateRejected }
        }
        #expect(world.counting.count(of: "C_Sign") == 1)
        #expect(server.requests.isEmpty)
        await client.shutdown()
    }

    @Test func aFollowerThatIsCancelledGivesItsPlaceBack() async throws {
        let world = try await Self.world()
        let client = try world.client()
        let held = world.counting.block("C_Sign")
        async let leader = client.get()
        for await _ in held { break }
        let follower = Task { try await client.get() }
        let other = Task { try await client.get() }
        follower.cancel()
        await #expect { try await follower.value } throws: { ($0 as? MTLSError)?.code == .cancelled }
        world.counting.unblock("C_Sign")
        #expect(try await leader.status == .ok)
        #expect(try await other.value.status == .ok)
        #expect(world.counting.count(of: "C_Sign") == 1)
        await client.shutdown()
    }

    @Test func aRequestThatTimesOutWhileItsConnectionWaitsFails() async throws {
        let world = try await Self.world()
        let client = try world.client()
        let held = world.counting.block("C_Sign")
        async let leader = client.get()
        for await _ in held { break }
        let late = await error {
            _ = try await client.execute(
                HTTPRequest(method: .get, scheme: nil, authority: nil, path: "/"),
                timeouts: Timeouts(request: .milliseconds(10)))
        }
        #expect(late?.code == .timeoutRequest)
        world.counting.unblock("C_Sign")
        #expect(try await leader.status == .ok)
        await client.shutdown()
    }

    // MARK: What ends the sessions

    /// Asks the token by another client, so that its loss shows.
    private func stumble(_ world: TokenWorld) async throws {
        let client = try world.client()
        _ = try await client.get()
        await client.shutdown()
    }

    @Test func sessionsEndWhenTheTokenIsFoundToBeGone() async throws {
        let world = try await Self.world()
        let client = try world.client()
        for _ in 1...2 { _ = try await client.get() }
        #expect(world.counting.count(of: "C_Sign") == 1)
        world.counting.loseSessions()
        // Nobody has noticed.
        #expect(try await client.get().connection.handshake?.isResumed == true)
        try await stumble(world)
        #expect(try await client.get().connection.handshake?.isResumed == false)
        #expect(try await client.get().connection.handshake?.isResumed == true)
        await client.shutdown()
    }

    @Test func sessionsOutliveTheTokenByThePolicy() async throws {
        let world = try await Self.world()
        let client = try world.client(tls: TLSSettings(resumption: .on(outlivingToken: true)))
        _ = try await client.get()
        world.counting.loseSessions()
        try await stumble(world)
        #expect(try await client.get().connection.handshake?.isResumed == true)
        await client.shutdown()
    }

    @Test func sessionsEndWhenAPINIsRefusedOrSaidToBeRightAgain() async throws {
        let world = try await Self.world()
        let client = try world.client()
        _ = try await client.get()
        #expect(try await client.get().connection.handshake?.isResumed == true)
        try await Identity.trustPINAgain(forToken: world.token.uri, module: world.counting.path)
        #expect(try await client.get().connection.handshake?.isResumed == false)
        await client.shutdown()
    }
}

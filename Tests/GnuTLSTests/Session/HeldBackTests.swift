import Testing

@testable import GnuTLS

/// Sessions of TLS 1.2 that are offered alone by a client that speaks TLS 1.3, too.
struct HeldBackTests {
    private let world: SessionWorld
    private let client: TLSContext
    /// Made when the client spoke TLS 1.2 alone.
    private let session: ResumableSession
    /// Speaks TLS 1.3, and has the key of the session's ticket.
    private let server: TLSContext

    init() throws {
        world = try SessionWorld.with(.ecdsaP256)
        client = try Self.context(.client)
        server = try Self.context(.server)
        session = try Self.session(world, server)
    }

    private static func context(_ role: TLSContext.Role, maximum: TLSVersion = .v1_3) throws -> TLSContext {
        try TLSContext(role: role, options: TLSOptions(maximumVersion: maximum, resumesSessions: true))
    }

    private static func session(_ world: SessionWorld, _ server: TLSContext) throws -> ResumableSession {
        let pair = try pair(world, try context(.client, maximum: .v1_2), server)
        pair.shake()
        return try #require(pair.client.session.takeGivenSessions().first)
    }

    private static func pair(
        _ world: SessionWorld, _ client: TLSContext, _ server: TLSContext, key: CertifiedKey? = nil
    ) throws -> SessionPair {
        SessionPair(
            client: try Side(client) { _ in key ?? world.client },
            server: try Side(server, clientCertificate: .required) { _ in world.server })
    }

    private func pair(_ server: TLSContext, key: CertifiedKey? = nil) throws -> SessionPair {
        let pair = try Self.pair(world, client, server, key: key)
        #expect(pair.client.session.offer(session, alone: true))
        return pair
    }

    @Test func aHelloWithASessionAloneOffersNothingElse() throws {
        let pair = try pair(server)
        pair.client.step()
        let extensions = try #require(pair.client.session.hello?.items.map(\.type))
        // supported_versions and key_share (RFC 8446 §4.2.1 and §4.2.8)
        #expect(!extensions.contains(43) && !extensions.contains(51))
    }

    @Test func aHelloWithASessionThatIsNotAloneOffersTLS13() throws {
        let pair = try Self.pair(world, client, server)
        #expect(pair.client.session.offer(session))
        pair.client.step()
        let extensions = try #require(pair.client.session.hello?.items.map(\.type))
        #expect(extensions.contains(43) && extensions.contains(51))
    }

    @Test func aServerThatHasLearnedTLS13AndResumesIsNotResumedAgain() throws {
        let pair = try pair(server)
        pair.shake()
        #expect(pair.client.isDone && pair.client.session.isResumed)
        #expect(pair.client.session.isHeldBack)
        #expect(pair.client.session.takeGivenSessions().isEmpty)
    }

    @Test(arguments: TLSVersion.allCases)
    func aServerThatDeclinesIsShownNothing(_ maximum: TLSVersion) throws {
        let signer = RecordingSigner(world.clientKey)
        let pair = try pair(try Self.context(.server, maximum: maximum), key: try world.external(signer))
        pair.shake()
        #expect(!pair.client.isDone)
        guard case .sessionDeclined = pair.client.failure?.kind else {
            Issue.record("\(String(describing: pair.client.failure))")
            return
        }
        #expect(pair.client.pauses == 0)
        #expect(signer.inputs.isEmpty)
        #expect(pair.server.session.peerChain.isEmpty)
    }

    @Test func aServerOfTLS12IsNotHeldBack() throws {
        let server = try Self.context(.server, maximum: .v1_2)
        let pair = try Self.pair(world, client, server)
        #expect(pair.client.session.offer(try Self.session(world, server), alone: true))
        pair.shake()
        #expect(pair.client.isDone && pair.client.session.isResumed)
        #expect(!pair.client.session.isHeldBack)
    }

    @Test(arguments: [
        TLSOptions(priority: "-VERS-TLS1.3"), TLSOptions(priority: "-VERS-TLS1.3:+VERS-TLS1.3"),
        TLSOptions(allowsRenegotiation: true), TLSOptions(minimumVersion: .v1_3), TLSOptions(maximumVersion: .v1_2),
    ])
    func thereIsNothingToLeaveOutOrItIsNotOurs(_ options: TLSOptions) throws {
        #expect(try TLSContext(role: .client, options: options).prioritiesWithoutTLS13() == nil)
    }

    @Test func whoDoesWithoutTLS13ByHisOwnPrioritiesIsNotTakenForDowngraded() throws {
        let client = try TLSContext(role: .client, options: TLSOptions(priority: "-VERS-TLS1.3"))
        let pair = try Self.pair(world, client, server)
        pair.shake()
        #expect(pair.client.isDone)
        #expect(pair.client.session.version == .v1_2)
    }
}

import CountingModuleSupport
import DevPKI
import Glibc
import MTLSClient
import MTLSTestKit
import Testing

/// How often a key in a token signs for servers that close each connection after its response.
@Suite struct ResumptionTests {
    /// A token of its own, behind a module that counts.
    private struct Counted {
        let module: CountingModule
        let identity: Identity

        init() async throws {
            let authority = try await Parties.ready().authority
            let token = try await SoftHSMToken(issuedBy: authority, commonName: "counted")
            module = try CountingModule(inFrontOf: token.modulePath)
            module.insertToken(token.slot, in: token.slot)
            identity = token.identity(object: "client", module: module.path)
        }

        var signatures: Int { module.count(of: "C_Sign") }

        func client(_ url: String, _ tls: TLSSettings = TLSSettings()) async throws -> Client {
            var settings = ClientSettings()
            settings.timeouts = Timeouts(wait: nil, handshake: .seconds(120))
            return try await Client(
                url, identity: identity, trust: Parties.ready().trust, tls: tls, settings: settings)
        }
    }

    private static let count = getenv("MTLS_TEST_ALL") == nil ? 200 : 1000

    private static func burst(_ client: Client, of count: Int = 32) async throws {
        try await withThrowingTaskGroup { group in
            for _ in 1...count { group.addTask { try await client.get("/").status.code } }
            for try await status in group { #expect(status == 200 || status == 403 || status == 404) }
        }
    }

    @Test(arguments: TLSVersion.allCases)
    func manyConnectionsToNginxCostOneSignature(version: TLSVersion) async throws {
        let (nginx, counted) = (try await Nginx.running(), try await Counted())
        let client = try await counted.client(nginx.url(.oneRequest), .only(version))
        for number in 1...Self.count {
            let response = try await client.get("/who")
            #expect(try await response.text().contains("SUCCESS CN=counted"))
            #expect(response.connection.handshake?.isResumed == (number > 1))
        }
        #expect(counted.signatures == 1)
        await client.shutdown()
    }

    @Test(arguments: TLSVersion.allCases)
    func aColdBurstToNginxCostsAtMostTwoSignatures(version: TLSVersion) async throws {
        let (nginx, counted) = (try await Nginx.running(), try await Counted())
        for site in [Nginx.Site.plain, .oneRequest] {
            counted.module.reset()
            let client = try await counted.client(nginx.url(site), .only(version))
            try await Self.burst(client)
            #expect(1...2 ~= counted.signatures)
            await client.shutdown()
        }
    }

    @Test(arguments: TLSVersion.allCases)
    func manyConnectionsToOpenSSLCostOneSignature(version: TLSVersion) async throws {
        let counted = try await Counted()
        let server = try await OpenSSLServer(version, listsIssuers: true, mode: "-www")
        let client = try await counted.client(server.url)
        for _ in 1...Self.count { #expect(try await client.get().text().contains("CN=counted")) }
        #expect(counted.signatures == 1)
        await client.shutdown()
    }

    @Test(arguments: [1, 2, 4])
    func aColdBurstToOpenSSLCostsAtMostTwoSignaturesByAnyNumberOfTickets(tickets: Int) async throws {
        let counted = try await Counted()
        let server = try await OpenSSLServer(.v1_3, listsIssuers: true, mode: "-www", tickets: tickets)
        let client = try await counted.client(server.url)
        try await Self.burst(client)
        #expect(1...2 ~= counted.signatures)
        await client.shutdown()
    }

    @Test func aSessionIsResumedByItsIdentifierToo() async throws {
        let counted = try await Counted()
        let server = try await OpenSSLServer(.v1_2, listsIssuers: true, mode: "-www", tickets: 0)
        let client = try await counted.client(server.url)
        for _ in 1...5 { #expect(try await client.get().text().contains("CN=counted")) }
        #expect(counted.signatures == 1)
        await client.shutdown()
    }

    @Test func aServerThatGivesNoTicketsIsServed() async throws {
        let counted = try await Counted()
        let server = try await OpenSSLServer(.v1_3, listsIssuers: true, mode: "-www", tickets: 0)
        let client = try await counted.client(server.url)
        try await Self.burst(client, of: 10)
        #expect(counted.signatures == 10)
        await client.shutdown()
    }
}

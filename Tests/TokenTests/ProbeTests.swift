import CountingModuleSupport
import DevPKI
import MTLSClient
import MTLSTestKit
import Testing

/// What a probe asks of a token.
@Suite struct ProbeTests {
    private struct World {
        let authority: CertificateAuthority
        let token: SoftHSMToken
        let module: CountingModule
        let server: MTLSServer

        init() async throws {
            authority = try CertificateAuthority(commonName: "Probe Root")
            token = try await SoftHSMToken(issuedBy: authority, commonName: "alice")
            module = try token.countingModule()
            server = try await MTLSServer(
                identity: authority.issue(.server(names: ["127.0.0.1"])), clients: .required,
                trusting: [authority.root])
        }

        func probe(trusting anchors: CertificateAuthority) throws -> Probe {
            try Probe(
                server.url, identity: token.identity(object: "client", module: module.path),
                trust: .certificates([anchors.root]))
        }
    }

    @Test func theTokenIsAskedForNothingUnlessItIsAllowed() async throws {
        let world = try await World()
        let report = try await world.probe(trusting: world.authority).examine()
        #expect(world.module.count(of: "C_Login") == 0)
        #expect(world.module.count(of: "C_Sign") == 0)
        #expect(report.error == nil && report.attempt == nil)
        #expect(report.candidates.map(\.identity.subject) == ["CN=alice"])
        #expect(report.candidates.map(\.isChosen) == [true])
        #expect(report.notes.contains { $0.remedy?.contains("--sign") == true })
    }

    @Test func theTokenSignsOnceWhenItIsAllowed() async throws {
        let world = try await World()
        var probe = try world.probe(trusting: world.authority)
        probe.signs = true
        let report = await probe.examine()
        #expect(report.attempt?.status == 200)
        #expect(report.timings.signature != nil)
        #expect(world.module.count(of: "C_Login") == 1)
        #expect(world.module.count(of: "C_SignInit") == 1)
    }

    @Test func nothingIsSignedForAServerThatIsNotTrusted() async throws {
        let world = try await World()
        var probe = try world.probe(trusting: try CertificateAuthority(commonName: "Stranger"))
        probe.signs = true
        let report = await probe.examine()
        #expect(report.refusal?.code == .issuerUnknown && report.demand == .required)
        #expect(report.candidates.map(\.isChosen) == [true])
        #expect(world.module.count(of: "C_Login") == 0)
        #expect(world.module.count(of: "C_SignInit") == 0)
    }
}

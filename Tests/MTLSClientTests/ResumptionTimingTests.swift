import DevPKI
import MTLSClient
import MTLSTestKit
import Testing

@Suite struct ResumptionTimingTests {
    @Test(arguments: TLSVersion.allCases)
    func howeverOftenASessionLeadsToAnotherTheKeySignsAgainInTime(version: TLSVersion) async throws {
        let world = try World()
        let server = try await world.server(.required, versions: version...version, resumes: true) { _ in
            .response(then: .close)
        }
        let age = Duration.milliseconds(300)
        let agent = Agent(
            identity: try world.identity("alice"), trust: world.trust,
            tls: TLSSettings(resumption: .on(maximumAge: age)))
        let start = ContinuousClock.now
        var (full, resumed) = (0, 0)
        while full < 2, .now - start < age * 20 {
            let response = try await agent.get(server.url)
            if response.connection.handshake?.isResumed == true { resumed += 1 } else { full += 1 }
        }
        #expect(full == 2)
        #expect(resumed > 0)
        await agent.shutdown()
    }
}

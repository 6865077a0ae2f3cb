import DevPKI
import GnuTLS
import MTLSClient
import MTLSTestKit
import Testing

/// What a probe finds out of servers in this process.
@Suite struct ProbeTests {
    private static let authority = Result { try CertificateAuthority(commonName: "Probe Root") }
    private var authority: CertificateAuthority { get throws { try Self.authority.get() } }

    private func server(
        _ clients: MTLSServer.Clients, versions: ClosedRange<TLSVersion> = .v1_2 ... .v1_3,
        names: [String] = ["127.0.0.1"], validity: Validity = .hours(24)
    ) async throws -> MTLSServer {
        try await MTLSServer(
            identity: authority.issue(.server(names: names), validity: validity), clients: clients,
            trusting: [authority.root], versions: versions)
    }

    private var trust: Trust { get throws { .certificates([try authority.root]) } }

    private func identity(_ name: String, by issuer: CertificateAuthority? = nil) throws -> Identity {
        let issued = try (issuer ?? authority).issueClient(commonName: name)
        return .pem(certificate: issued.certificatePEM, key: try issued.keyPEM().withUnsafeBytes { Array($0) })
    }

    @Test(arguments: [TLSVersion.v1_2, .v1_3])
    func aDemandedCertificateIsToldAndTried(version: TLSVersion) async throws {
        let server = try await server(.required, versions: version...version)
        let report = try await Probe(server.url, identity: identity("alice"), trust: trust).examine()
        #expect(report.error == nil)
        #expect(report.versions.map(\.version) == [.v1_3, .v1_2])
        #expect(report.versions.map(\.isSpoken) == [version == .v1_3, version == .v1_2])
        #expect(report.demand == .required)
        #expect(report.acceptedIssuers == ["CN=Probe Root"])
        #expect(!report.acceptedSchemes.isEmpty)
        #expect(report.candidates.map(\.isChosen) == [true])
        #expect(report.attempt?.status == 200)
        #expect(report.attempt?.handshake?.clientCertificate?.subject == "CN=alice")
        #expect(report.timings.connect != nil && report.timings.handshake != nil && report.timings.firstByte != nil)
        // None but the request itself came with a certificate.
        #expect(server.requests.allSatisfy { $0.client.certificate?.subject == "CN=alice" })
    }

    @Test(arguments: [TLSVersion.v1_2, .v1_3])
    func aDemandedCertificateThatIsNotConfiguredIsTheErrorOfARequest(version: TLSVersion) async throws {
        let server = try await server(.required, versions: version...version)
        let report = try await Probe(server.url, trust: trust).examine()
        #expect(report.demand == .required)
        #expect(report.error?.code == .clientCertificateRequired)
        #expect(report.attempt == nil && server.requests.isEmpty)
    }

    @Test(arguments: [TLSVersion.v1_2, .v1_3])
    func aCertificateThatIsAskedForIsToldFromOneThatIsDemanded(version: TLSVersion) async throws {
        let server = try await server(.requested, versions: version...version)
        let report = try await Probe(server.url, trust: trust).examine()
        #expect(report.demand == .requested)
        #expect(report.error == nil)
        #expect(report.attempt?.status == 200)
        #expect(report.notes.contains { $0.message.contains("goes on without one") })
    }

    @Test func aServerThatAsksForNothingIsShownNobody() async throws {
        let server = try await server(.ignored)
        let report = try await Probe(server.url, identity: identity("alice"), trust: trust).examine()
        #expect(report.demand == ProbeReport.Demand.none)
        #expect(report.versions.map(\.isSpoken) == [true, true])
        #expect(report.candidates.map(\.isChosen) == [false])
        #expect(report.error == nil && report.attempt?.handshake?.clientCertificate == nil)
    }

    @Test func whoIsNotTrustedIsShownWholeAndAskedForNothing() async throws {
        let server = try await server(.required)
        let stranger = try CertificateAuthority(commonName: "Stranger")
        let report = try await Probe(
            server.url, identity: identity("alice"), trust: .certificates([stranger.root])
        ).examine()
        #expect(report.refusal?.code == .issuerUnknown && report.error?.code == .issuerUnknown)
        #expect(report.chain.first?.ipAddresses == ["127.0.0.1"])
        #expect(report.demand == .required)
        #expect(report.candidates.map(\.isChosen) == [true])
        #expect(report.attempt == nil && server.requests.isEmpty)
    }

    @Test func anotherNameAndAnExpiredCertificateAreRefused() async throws {
        let misnamed = try await server(.ignored, names: ["elsewhere.test"])
        let expired = try await server(.ignored, validity: .expired)
        #expect(try await Probe(misnamed.url, trust: trust).examine().refusal?.code == .nameMismatch)
        #expect(try await Probe(expired.url, trust: trust).examine().refusal?.code == .certificateExpired)
    }

    @Test func eachIdentityIsGivenItsReason() async throws {
        let server = try await server(.required)
        let stranger = try CertificateAuthority(commonName: "Stranger")
        let endpoint = Endpoint("127.0.0.1", server.port)
        let all = [try identity("mallory", by: stranger), try identity("alice")]
        let loaded = try await [all[0].candidates(for: endpoint), all[1].candidates(for: endpoint)].flatMap(\.self)
        let report = try await Probe(server.url, identity: .resolving { _ in loaded }, trust: trust).examine()
        #expect(report.candidates.map(\.isChosen) == [false, true])
        #expect(report.candidates.first?.reason.contains("issuers") == true)
        #expect(report.attempt?.handshake?.clientCertificate?.subject == "CN=alice")
    }

    @Test func anIdentityThatTheServerRejectsIsTheErrorOfARequest() async throws {
        let server = try await server(.required)
        let stranger = try CertificateAuthority(commonName: "Stranger")
        let report = try await Probe(server.url, identity: identity("mallory", by: stranger), trust: trust).examine()
        #expect(report.error?.code == .clientCertificateRejected)
        #expect(report.notes.contains { $0.message.contains("does not list the issuer") })
    }

    @Test func anIdentityThatCannotBeLoadedIsTheErrorAndTheServerIsLookedAtAllTheSame() async throws {
        let server = try await server(.required)
        let report = try await Probe(
            server.url, identity: .pem(certificate: "/nonexistent/client.pem"), trust: trust
        ).examine()
        #expect(report.error?.code == .identityFileUnreadable)
        #expect(report.demand == .required && report.chain.count == 1 && report.attempt == nil)
    }

    @Test func aVersionThatIsNotOfferedCountsForNothing() async throws {
        let server = try await server(.required, versions: .v1_2 ... .v1_2)
        let report = try await Probe(
            server.url, identity: identity("alice"), trust: trust, tls: TLSSettings(minimumVersion: .v1_3)
        ).examine()
        #expect(report.versions.map(\.isSpoken) == [false, true])
        #expect(report.error?.code == .handshakeFailed)
    }

    @Test func aServerThatIsNotThereHasNoVersions() async throws {
        let server = try await server(.ignored)
        await server.shutdown()
        let report = try await Probe(server.url, trust: trust).examine()
        #expect(report.versions.isEmpty && report.demand == nil)
        #expect(report.error?.code == .connectFailed)
    }

    @Test func whatIsNotHTTPSIsRefused() {
        #expect(throws: MTLSError.self) { try Probe("http://127.0.0.1/") }
    }
}

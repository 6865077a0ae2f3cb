import CommandSupport
import DevPKI
import GnuTLS
import MTLSClient
import Testing

@Suite struct NginxIdentityTests {
    @Test(arguments: IdentityCase.all)
    func twoRequestsPassOverOneConnection(_ one: IdentityCase) async throws {
        let nginx = try await Nginx.running()
        try await one.withIdentity { identity in
            let agent = Agent(identity: identity, trust: nginx.trust, tls: .only(one.version))
            for number in 1...2 {
                let response = try await agent.get(nginx.url() + "/who")
                #expect(response.status == .ok)
                #expect(
                    try await response.text()
                        == "SUCCESS CN=\(one.commonName) \(one.version.openSSLName) \(number)\n")
            }
            await agent.shutdown()
        }
    }

    @Test(arguments: Store.allCases)
    func theIntermediateIsSentToo(store: Store) async throws {
        let nginx = try await Nginx.running()
        let parties = try await Parties.ready()
        let identity =
            switch store {
            case .token: parties.departmentIdentity
            case .files: try parties.department.issueClient(commonName: "files department").identity()
            }
        let client = try Client(nginx.url(), identity: identity, trust: nginx.trust)
        #expect(try await client.get("/who").text() == "SUCCESS CN=\(store) department TLSv1.3 1\n")
        await client.shutdown()
    }

    @Test func theServersNameIsSent() async throws {
        let nginx = try await Nginx.running()
        let url = nginx.url().replacing("127.0.0.1", with: "localhost")
        let client = try Client(url, identity: nginx.identity("alice"), trust: nginx.trust)
        #expect(try await client.get("/name").text() == "localhost localhost\n")
        await client.shutdown()
    }

    @Test(arguments: [TLSVersion.v1_2, .v1_3])
    func withoutAnIdentityTheRefusalIsAResponse(version: TLSVersion) async throws {
        let nginx = try await Nginx.running()
        let client = try Client(nginx.url(), trust: nginx.trust, tls: .only(version))
        let response = try await client.get("/who")
        #expect(response.status == .badRequest)
        #expect(try await response.text().contains("No required SSL certificate was sent"))
        #expect(response.connection.handshake?.peerAskedForCertificate == true)
        await client.shutdown()
    }

    @Test(arguments: [TLSVersion.v1_2, .v1_3])
    func withAnIdentityOfAnotherIssuerTheRefusalIsAResponse(version: TLSVersion) async throws {
        let nginx = try await Nginx.running()
        let client = try Client(
            nginx.url(), identity: Parties.stranger().identity(), trust: nginx.trust, tls: .only(version))
        let response = try await client.get("/who")
        #expect(response.status == .badRequest)
        #expect(try await response.text().contains("The SSL certificate error"))
        await client.shutdown()
    }

    @Test(arguments: [
        (Nginx.Site.wrongName, MTLSError.Code.nameMismatch, "elsewhere.test"),
        (.expired, .certificateExpired, "expired on"),
        (.untrusted, .issuerUnknown, "CN=Unknown Root"),
    ])
    func aBadServerCertificateIsRefusedByName(site: Nginx.Site, code: MTLSError.Code, reason: String) async throws {
        let nginx = try await Nginx.running()
        let client = try nginx.client(site)
        let error = try await failure { try await client.get("/who") }
        #expect(error.code == code)
        #expect(error.message.contains("127.0.0.1"))
        #expect(error.message.contains(reason))
        #expect(error.origin == nginx.url(site))
        await client.shutdown()
    }
}

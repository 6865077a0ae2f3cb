import CommandSupport
import DevPKI
import GnuTLS
import MTLSClient
import Testing

/// Apache demands certificates in the handshake, or for one directory only.
@Suite struct ApacheTests {
    @Test(arguments: IdentityCase.all)
    func twoRequestsPassOverOneConnection(_ one: IdentityCase) async throws {
        let apache = try await Apache.running()
        try await one.withIdentity { identity in
            let client = try Client(
                apache.url(.whole), identity: identity, trust: .certificates([apache.authority.root]),
                tls: .only(one.version))
            for number in 1...2 {
                let response = try await client.get("/any")
                #expect(response.client == "SUCCESS CN=\(one.commonName) \(one.version.openSSLName)")
                #expect(response.status == .ok && response.connection.requestCount == number)
                _ = try await response.text()
            }
            await client.shutdown()
        }
    }

    /// TLS 1.3: post-handshake authentication. TLS 1.2: renegotiation.
    @Test(arguments: IdentityCase.all)
    func oneDirectoryAsksForACertificateInMidConnection(_ one: IdentityCase) async throws {
        let apache = try await Apache.running()
        try await one.withIdentity { identity in
            var tls = TLSSettings.only(one.version)
            tls.allowsRenegotiation = true
            let client = try Client(
                apache.url(.directory), identity: identity, trust: .certificates([apache.authority.root]), tls: tls)
            let open = try await client.get("/open")
            #expect(open.client == "NONE (null) \(one.version.openSSLName)")
            #expect(open.connection.handshake?.clientCertificate == nil)
            _ = try await open.text()

            let known = "SUCCESS CN=\(one.commonName) \(one.version.openSSLName)"
            let secret = try await client.get("/private/first")
            #expect(secret.status == .ok)
            #expect(secret.client == known)
            #expect(secret.connection.handshake?.clientCertificate?.subject == "CN=\(one.commonName)")
            _ = try await secret.text()

            let posted = try await client.post("/private/echo", body: .bytes(Array("hello".utf8)))
            #expect(posted.client == known)
            #expect(try await posted.text() == "hello")
            let last = try await client.get("/open")
            _ = try await last.text()
            #expect(last.connection.id == open.connection.id && last.connection.requestCount == 4)
            await client.shutdown()
        }
    }

    @Test(arguments: TLSVersion.allCases, Store.allCases)
    func aSmallPostMayBeWhatIsAskedFor(_ version: TLSVersion, _ store: Store) async throws {
        let apache = try await Apache.running()
        let one = IdentityCase(key: .ecdsaP256, store: store, version: version)
        try await one.withIdentity { identity in
            var tls = TLSSettings.only(version)
            tls.allowsRenegotiation = true
            let client = try Client(
                apache.url(.directory), identity: identity, trust: .certificates([apache.authority.root]), tls: tls)
            let body = Noise.bytes(64 << 10)
            let response = try await client.post("/private/echo", body: .bytes(body))
            #expect(response.client == "SUCCESS CN=\(one.commonName) \(version.openSSLName)")
            #expect(same(try await response.body.collect(upTo: .mebibytes(1)), body[...]))
            #expect(response.connection.requestCount == 1)
            await client.shutdown()
        }
    }

    @Test func renegotiationThatIsNotAllowedIsAClearError() async throws {
        let apache = try await Apache.running()
        let client = try Client(
            apache.url(.directory), identity: apache.authority.issueClient(commonName: "alice").identity(),
            trust: .certificates([apache.authority.root]), tls: .only(.v1_2))
        _ = try await client.get("/open").text()
        let error = try await failure { try await client.get("/private/") }
        #expect(error.code == .renegotiationDeclined && error.fault == .caller)
        #expect(error.message.contains("127.0.0.1") && error.advice?.contains("allowsRenegotiation") == true)
        await client.shutdown()
    }

    @Test(arguments: TLSVersion.allCases)
    func anUntrustedIdentityIsReportedAsRejected(_ version: TLSVersion) async throws {
        let apache = try await Apache.running()
        var tls = TLSSettings.only(version)
        tls.allowsRenegotiation = true
        let client = try Client(
            apache.url(.directory), identity: Parties.stranger().identity(),
            trust: .certificates([apache.authority.root]), tls: tls)
        let error = try await failure { try await client.get("/private/") }
        #expect(error.code == .clientCertificateRejected)
        #expect(error.message.contains("CN=mallory"))
        await client.shutdown()
    }

    @Test func withoutAnIdentityTheDirectoryIsForbidden() async throws {
        let apache = try await Apache.running()
        let client = try Client(
            apache.url(.directory), trust: .certificates([apache.authority.root]), tls: .only(.v1_3))
        let response = try await client.get("/private/")
        #expect(response.status == .forbidden)
        await client.shutdown()
    }

    @Test func theCommandTellsOfACertificateThatIsShownLater() async throws {
        let apache = try await Apache.running()
        let files = try await CommandFiles()
        let outcome = try await MTLSCommand.run(
            files.options + ["-v", apache.url(.directory) + "/open", apache.url(.directory) + "/private/"])
        #expect(outcome.status == 0)
        #expect(outcome.errors.contains("* Server did not ask for a client certificate\n"))
        #expect(outcome.errors.contains("* Client certificate shown after the handshake: CN=alice\n"))
    }

    @Test func theCommandRenegotiatesWhenItIsTold() async throws {
        let apache = try await Apache.running()
        let files = try await CommandFiles()
        let url = apache.url(.directory) + "/private/"
        let options = files.options + ["--tls-max", "1.2", "-i"]
        let refused = try await MTLSCommand.run(options + [url])
        #expect(refused.status == 56)
        #expect(refused.errors.contains("--renegotiate"))
        let allowed = try await MTLSCommand.run(options + ["--renegotiate", url])
        #expect(allowed.status == 0 && allowed.output.contains("SUCCESS CN=alice TLSv1.2"))
    }
}

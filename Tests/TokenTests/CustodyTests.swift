import CountingModuleSupport
import DevPKI
import GnuTLS
import MTLSClient
import MTLSTestKit
import Testing

/// What keeps a key and its PIN safe, counted by a module in front of SoftHSM.
@Suite struct CustodyTests {
    @Test func aWrongPINIsTriedOnceByTwentyRequestsAtOnce() async throws {
        let world = try await TokenWorld()
        let identity = Identity.token(
            world.token.uri(object: "client"), pin: secret("no-such-pin-5309"), module: world.counting.path)
        let client = try world.client(identity: identity)
        let outcomes = await world.outcomes(of: 20, with: client)
        #expect(outcomes.count == 20)
        for case .failure(let error) in outcomes {
            #expect(error.code == .pinIncorrect)
            #expect(error.description.contains(world.token.label))
            #expect(error.advice != nil)
            #expect(!"\(error) \(String(reflecting: error))".contains("5309"))
        }
        #expect(!outcomes.contains { if case .success = $0 { true } else { false } })
        #expect(world.counting.count(of: "C_Login") == 1)
        #expect(world.counting.count(of: "C_Sign") == 0)
        await client.shutdown()
    }

    @Test func theRightPINServesAfterAWrongOne() async throws {
        let world = try await TokenWorld()
        let wrong = Identity.token(
            world.token.uri(object: "client"), pin: secret("no-such-pin-5309"), module: world.counting.path)
        let (mistaken, right) = (try world.client(identity: wrong), try world.client())
        _ = await world.outcomes(of: 20, with: mistaken)
        let outcomes = await world.outcomes(of: 20, with: right)
        #expect(outcomes.allSatisfy { (try? $0.get()) == 200 })
        #expect(world.counting.count(of: "C_Login") == 2)
        await mistaken.shutdown()
        await right.shutdown()
    }

    @Test func theLastTryIsNotUsedUpUnattended() async throws {
        let world = try await TokenWorld()
        let client = try world.client()
        world.counting.tokenFlags(adding: 0x0002_0000)  // CKF_USER_PIN_FINAL_TRY
        for case .failure(let error) in await world.outcomes(of: 20, with: client) {
            #expect(error.code == .pinLocked)
            #expect(error.message.contains(world.token.label))
            #expect(error.advice?.contains("by hand") == true)
        }
        #expect(world.server.requests.isEmpty)
        #expect(world.counting.count(of: "C_Login") == 0)
        // Somebody has entered the right PIN by other means.
        world.counting.tokenFlags()
        #expect(try await client.get().status == .ok)
        #expect(world.counting.count(of: "C_Login") == 1)
        await client.shutdown()
    }

    @Test func twentyRequestsWithTheRightPINLogInOnce() async throws {
        let world = try await TokenWorld()
        let client = try world.client()
        let outcomes = await world.outcomes(of: 20, with: client)
        #expect(outcomes.allSatisfy { (try? $0.get()) == 200 })
        #expect(world.counting.count(of: "C_Login") == 1)
        #expect(world.server.requests.count == 20)
        #expect(world.server.requests.allSatisfy { $0.client.certificate?.subject == "CN=alice" })
        await client.shutdown()
    }

    @Test func anUntrustedServerGetsNoSignature() async throws {
        let world = try await TokenWorld()
        let stranger = try CertificateAuthority(commonName: "Stranger")
        let client = try world.client(trust: .certificates([stranger.root]))
        let error = await error { _ = try await client.get() }
        #expect(error?.code == .issuerUnknown)
        try await expectUntouchedKey(world)
        await client.shutdown()
    }

    @Test func aServerWithTheWrongNameGetsNoSignature() async throws {
        let world = try await TokenWorld(server: .server(names: ["other.example"]))
        let client = try world.client()
        let error = await error { _ = try await client.get() }
        #expect(error?.code == .nameMismatch)
        #expect(error?.message.contains("other.example") == true)
        try await expectUntouchedKey(world)
        await client.shutdown()
    }

    @Test func anExpiredServerGetsNoSignature() async throws {
        let world = try await TokenWorld(serverValidity: .expired)
        let client = try world.client()
        let error = await error { _ = try await client.get() }
        #expect(error?.code == .certificateExpired)
        try await expectUntouchedKey(world)
        await client.shutdown()
    }

    private func expectUntouchedKey(_ world: TokenWorld) async throws {
        #expect(world.counting.count(of: "C_SignInit") == 0)
        #expect(world.counting.count(of: "C_Sign") == 0)
        #expect(world.counting.count(of: "C_Login") == 0)
        #expect(world.server.requests.isEmpty)
    }

    @Test func oneHandshakeCostsOneSignature() async throws {
        let world = try await TokenWorld()
        let client = try world.client()
        for _ in 1...3 { _ = try await client.get().body.collect(upTo: .kibibytes(1)) }
        #expect(world.counting.count(of: "C_Sign") == 1)
        #expect(world.server.connectionCount == 1)
        await client.shutdown()
    }

    @Test(arguments: ["-SIGN-ALL:+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-SHA256"], [TLSVersion.v1_2, .v1_3])
    func aKeyWithNoSchemeInCommonIsAnErrorNotAnAnonymousRequest(priority: String, version: TLSVersion) async throws {
        let world = try await TokenWorld(serverKey: .rsa(bits: 2048), priority: priority)
        let client = try Client(
            world.server.url, identity: world.identity, trust: world.trust,
            tls: TLSSettings(minimumVersion: version, maximumVersion: version))
        let error = await error { _ = try await client.get() }
        #expect(error?.code == .identityUnusable)
        #expect(error?.message.contains("CN=alice") == true)
        #expect(world.server.requests.isEmpty)
        #expect(world.counting.count(of: "C_Sign") == 0)
        await client.shutdown()
    }

    @Test func aSignatureThatDoesNotVerifyIsAnErrorThatNamesTheToken() async throws {
        let world = try await TokenWorld()
        // A certificate for another key under the identifier of this one: what it signs does not verify.
        let other = try CertificateAuthority(commonName: "Test Root")
        let token = try await SoftHSMToken()
        let mine = try await token.generateKey(.ecdsaP256, label: "mine")
        let wrong = try other.issueClient(commonName: "mallory")
        #expect(mine != wrong.certificate.publicKey)
        try await token.store(wrong.certificate, label: "client", id: [1])
        let client = try world.client(identity: token.identity)
        let error = await error { _ = try await client.get() }
        #expect(error?.code == .keyMismatch)
        #expect(error?.message.contains(token.label) == true)
        #expect(world.server.requests.isEmpty)
        await client.shutdown()
    }
}

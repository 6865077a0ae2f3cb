import CountingModuleSupport
import DevPKI
import GnuTLS
import MTLSClient
import MTLSTestKit
import Testing

/// Tokens that go away, come back, hang or sign wrongly, as requests see them. Each request makes a connection.
@Suite struct LossTests {
    private static let deviceRemoved: UInt = 0x32

    @Test func aTokenPulledInTheMiddleOfASignatureFailsThatRequestAndServesAgainWhenItIsBack() async throws {
        let world = try await TokenWorld(then: .close)
        let slot = try await TokenWorld.slot(of: world.token)
        world.counting.insertToken(slot, in: slot)
        let client = try world.client()
        #expect(try await client.get().status == .ok)

        let arrivals = world.counting.block("C_Sign")
        async let pulled = error { _ = try await client.get() }
        for await _ in arrivals { break }
        world.counting.removeToken(answering: Self.deviceRemoved)
        world.counting.unblock("C_Sign")
        let error = await pulled
        #expect(error?.code == .tokenRemoved)
        #expect(error?.message.contains(world.token.label) == true)
        #expect(error?.advice == "put the token back")

        world.counting.insertToken(slot, in: slot + 1000)
        #expect(try await client.get().status == .ok)
        #expect(world.server.requests.count == 2)
        #expect(world.counting.count(of: "C_Login") == 2)
        await client.shutdown()
    }

    @Test func anExchangedKeyUnderTheSameLabelIsRefused() async throws {
        let world = try await TokenWorld(then: .close)
        let other = try await SoftHSMToken(issuedBy: world.authority, commonName: "alice")
        let slot = try await TokenWorld.slot(of: world.token)
        world.counting.insertToken(slot, in: slot)
        let client = try world.client()
        #expect(try await client.get().status == .ok)

        world.counting.removeToken(answering: Self.deviceRemoved)
        world.counting.insertToken(try await TokenWorld.slot(of: other), in: slot, disguisedAs: slot)
        world.counting.reset()
        let error = await error { _ = try await client.get() }
        #expect(error?.code == .tokenFailed)
        #expect(error?.message.contains("another key") == true)
        #expect(error?.message.contains(world.token.label) == true)
        #expect(world.counting.count(of: "C_Sign") == 0)
        #expect(world.server.requests.count == 1)
        await client.shutdown()
    }

    @Test func aTokenThatHangsFailsTheRequestAtItsDeadlineAndHoldsUpNoOther() async throws {
        let (world, other) = (try await TokenWorld(then: .close), try await TokenWorld(then: .close))
        try await world.limitTokenToOneThread()
        var settings = ClientSettings()
        settings.timeouts.signature = .milliseconds(50)
        let (client, quick) = (try world.client(settings: settings), try other.client())
        let arrivals = world.counting.block("C_Sign")
        async let hung = error { _ = try await client.get() }
        for await _ in arrivals { break }
        #expect(try await quick.get().status == .ok)
        #expect(await hung?.code == .timeoutSignature)

        // Its one thread is still in the call.
        let next = await error { _ = try await client.get() }
        #expect(next?.code == .timeoutSignature)
        #expect(next?.message.contains(world.token.label) == true)
        #expect(next?.message.contains("stuck") == true)
        #expect(try await quick.get().status == .ok)
        world.counting.unblock("C_Sign")
        await client.shutdown()
        await quick.shutdown()
    }

    @Test(arguments: [TLSVersion.v1_2, .v1_3])
    func aWrongSignatureIsNotSentAndTheErrorNamesTheToken(_ version: TLSVersion) async throws {
        let world = try await TokenWorld(then: .close)
        let client = try Client(
            world.server.url, identity: world.identity, trust: world.trust,
            tls: TLSSettings(minimumVersion: version, maximumVersion: version))
        world.counting.corruptSignatures()
        let error = await error { _ = try await client.get() }
        #expect(error?.code == .signatureInvalid)
        #expect(error?.message.contains(world.token.label) == true)
        #expect(world.server.requests.isEmpty)
        world.counting.corruptSignatures(false)
        #expect(try await client.get().status == .ok)
        await client.shutdown()
    }
}

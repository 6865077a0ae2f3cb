import CountingModuleSupport
import DevPKI
import GnuTLS
import MTLSClient
import MTLSTestKit
import Synchronization
import Testing

/// How long a PIN is kept, and what a program may say of it.
@Suite struct PINRetentionTests {
    /// A source that counts how often it was asked.
    private final class Asked: Sendable {
        private let count = Mutex(0)
        private let answers: [SecretSource]

        init(_ answers: SecretSource...) { self.answers = answers }

        var times: Int { count.withLock { $0 } }

        var source: SecretSource {
            .closure { [self] request in
                let number = count.withLock { count in
                    count += 1
                    return count - 1
                }
                return try await answers[min(number, answers.count - 1)].read(request)
            }
        }
    }

    /// Two handshakes with the token away in between, so that there are two logins.
    private func logInTwice(_ world: TokenWorld, _ identity: Identity) async throws {
        let client = try world.client(identity: identity)
        #expect(try await client.get().status == .ok)
        world.counting.loseSessions()
        #expect(try await client.get().status == .ok)
        await client.shutdown()
    }

    @Test(arguments: [(PINRetention.askEachLogin, 2), (.keep, 1), (.forget(after: .seconds(3600)), 1)])
    func theSourceIsAskedAsOftenAsThePolicySays(retention: PINRetention, times: Int) async throws {
        let world = try await TokenWorld(then: .close)
        let asked = Asked(world.token.pin)
        try await logInTwice(
            world,
            .token(
                world.token.uri(object: "client"), pin: asked.source, module: world.counting.path,
                keepingPIN: retention))
        #expect(world.counting.count(of: "C_Login") == 2)
        #expect(asked.times == times)
    }

    @Test func aKeptPINThatTheTokenRefusesIsForgotten() async throws {
        let world = try await TokenWorld()
        let asked = Asked(secret("no-such-pin-5309"), world.token.pin)
        let client = try world.client(
            identity: .token(
                world.token.uri(object: "client"), pin: asked.source, module: world.counting.path, keepingPIN: .keep))
        let error = await error { _ = try await client.get() }
        #expect(error?.code == .pinIncorrect)
        #expect(try await client.get().status == .ok)
        #expect(asked.times == 2)
        await client.shutdown()
    }

    @Test func aRefusedPINIsTriedAgainWhenTheProgramSaysSo() async throws {
        let world = try await TokenWorld()
        let uri = world.token.uri(object: "client")
        let client = try world.client(
            identity: .token(uri, pin: secret("no-such-pin-5309"), module: world.counting.path))
        for _ in 1...2 { _ = await error { _ = try await client.get() } }
        #expect(world.counting.count(of: "C_Login") == 1)
        try await Identity.trustPINAgain(forToken: world.token.uri, module: world.counting.path)
        _ = await error { _ = try await client.get() }
        #expect(world.counting.count(of: "C_Login") == 2)
        await client.shutdown()
    }

    @Test func aModuleThatAURINamesByPathIsLoadedOnlyByPermission() async throws {
        let world = try await TokenWorld()
        let uri = "\(world.token.uri(object: "client"))?module-path=\(world.counting.path)"
        let refused = try world.client(identity: .token(uri, pin: world.token.pin))
        let error = await error { _ = try await refused.get() }
        #expect(error?.code == .tokenURIInvalid)
        #expect(error?.advice?.contains("allowingModulePath") == true)
        #expect(world.counting.count(of: "C_Initialize") == 0)
        let allowed = try world.client(identity: .token(uri, pin: world.token.pin, allowingModulePath: true))
        #expect(try await allowed.get().status == .ok)
        await refused.shutdown()
        await allowed.shutdown()
    }

    @Test func ofAllKeysInATokenTheServersWishDecides() async throws {
        let world = try await TokenWorld()
        let other = try CertificateAuthority(commonName: "Other Root")
        try await world.token.issue(by: other, commonName: "mallory", label: "other")
        try await world.token.issue(by: world.authority, commonName: "late", label: "late", validity: .expired)
        let client = try world.client(
            identity: .anyInToken(world.token.uri, pin: world.token.pin, module: world.counting.path))
        #expect(try await client.get().status == .ok)
        #expect(world.server.requests.map(\.client.certificate?.subject) == ["CN=alice"])
        await client.shutdown()
    }
}

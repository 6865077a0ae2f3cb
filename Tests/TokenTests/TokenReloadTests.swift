import CountingModuleSupport
import DevPKI
import Glibc
import GnuTLS
import MTLSClient
import MTLSIdentity
import MTLSTestKit
import Testing

/// Keys and certificates that change in a token while an identity is in use. Each request makes a connection.
@Suite(.timeLimit(.minutes(15))) struct TokenReloadTests {
    private func subject(_ world: TokenWorld, _ client: Client) async throws -> String? {
        _ = try await client.get()
        return world.server.requests.last?.client.certificate?.subject
    }

    /// A file that goes with the process's tokens.
    private func write(_ certificate: Certificate, to path: String) throws {
        let file = try #require(fopen(path + ".new", "we"))
        let bytes = certificate.pemEncoded
        #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
        #expect(fclose(file) == 0)
        #expect(rename(path + ".new", path) == 0)
    }

    @Test func aNewKeyUnderTheSameLabelIsUsedAfterReload() async throws {
        let world = try await TokenWorld(then: .close)
        let (identity, manager) = (
            world.identity,
            KeyManager(
                try await TokenAccess(
                    world.token.uri(object: "client"), pin: world.token.pin, module: world.token.modulePath))
        )
        let client = try world.client(identity: identity)
        #expect(try await subject(world, client) == "CN=alice")
        let old = try #require(identity.current.first)
        try await identity.reload()
        #expect(identity.current.first === old)

        #expect(try await manager.delete() > 0)
        let gone = await error { try await identity.reload() }
        #expect(gone?.code == .tokenObjectNotFound)
        #expect(identity.current.first === old && old.isCurrent)

        try await world.token.issue(by: world.authority, commonName: "bob", label: "client")
        try await identity.reload()
        #expect(!old.isCurrent)
        #expect(try await subject(world, client) == "CN=bob")
        #expect(world.counting.count(of: "C_Login") == 1)
        await client.shutdown()
    }

    @Test func aCertificateFileForAnotherKeyKeepsTheOldOne() async throws {
        let world = try await TokenWorld(then: .close)
        let path = try world.token.writePINFile() + ".pem"
        let alice = try #require(try await world.identity.candidates(for: Endpoint("localhost", 1)).first?.chain.first)
        try write(alice, to: path)
        let identity = Identity.token(
            world.token.uri(object: "client"), pin: world.token.pin, certificate: path, module: world.counting.path)
        let client = try world.client(identity: identity)
        #expect(try await subject(world, client) == "CN=alice")

        try write(world.authority.issueClient(commonName: "mallory").certificate, to: path)
        let refusal = await error { try await identity.reload() }
        #expect(refusal?.code == .keyMismatch)
        #expect(try await subject(world, client) == "CN=alice")

        let renewed = try world.authority.issueClient(commonName: "alice2", publicKey: alice.publicKey)
        try write(renewed, to: path)
        // Nobody says so: it is found when connections are made.
        while try await subject(world, client) == "CN=alice" {}
        #expect(world.server.requests.last?.client.certificate == renewed)
        #expect(world.counting.count(of: "C_Login") == 1)
        await client.shutdown()
    }

    /// Where the key is.
    enum Store: CaseIterable { case token, files }

    private func identity(
        _ store: Store, _ world: TokenWorld, _ validity: Validity, key: KeyKind = .ecdsaP256
    ) async throws -> Identity {
        switch store {
        case .token:
            try await world.token.issue(
                by: world.authority, commonName: "mallory", key: key, label: "faulty", validity: validity)
            return world.token.identity(object: "faulty", module: world.counting.path)
        case .files:
            let issued = try world.authority.issueClient(commonName: "mallory", key: key, validity: validity)
            let pem = try issued.keyPEM().withUnsafeBytes { Array($0) }
            return .pem(certificate: issued.certificatePEM, key: pem)
        }
    }

    private func expectRefusal(
        _ identity: Identity, _ version: TLSVersion, _ world: TokenWorld, _ code: MTLSError.Code
    ) async throws {
        let client = try Client(
            world.server.url, identity: identity, trust: world.trust,
            tls: TLSSettings(minimumVersion: version, maximumVersion: version))
        let error = await error { _ = try await client.get() }
        #expect(error?.code == code)
        #expect(error?.phase == .identity)
        #expect(error?.message.contains("CN=mallory") == true)
        #expect(world.server.requests.isEmpty)
        #expect(world.counting.count(of: "C_Sign") == 0)
        #expect(world.counting.count(of: "C_Login") == 0)
        await client.shutdown()
    }

    @Test(arguments: Store.allCases, [TLSVersion.v1_2, .v1_3])
    func outsideItsDatesAnIdentityIsAnErrorAndNotAnAnonymousConnection(
        store: Store, version: TLSVersion
    ) async throws {
        let world = try await TokenWorld()
        try await expectRefusal(identity(store, world, .expired), version, world, .identityExpired)
    }

    @Test(arguments: Store.allCases, [TLSVersion.v1_2, .v1_3])
    func withoutASchemeInCommonThereIsNoAnonymousConnection(store: Store, version: TLSVersion) async throws {
        let world = try await TokenWorld(priority: "-SIGN-EDDSA-ED25519")
        try await expectRefusal(
            identity(store, world, .hours(1), key: .ed25519), version, world, .identityUnusable)
    }

    @Test(arguments: Store.allCases, [TLSVersion.v1_2, .v1_3])
    func ofIdentitiesThatTheServerDoesNotAcceptNoneIsShownAndNobodyIsAnonymous(
        store: Store, version: TLSVersion
    ) async throws {
        let world = try await TokenWorld()
        let stranger = try CertificateAuthority(commonName: "Other Root").issueClient(commonName: "stranger")
        let pem = try stranger.keyPEM().withUnsafeBytes { Array($0) }
        let identity = Identity.anyOf([
            try await identity(store, world, .expired), .pem(certificate: stranger.certificatePEM, key: pem),
        ])
        try await expectRefusal(identity, version, world, .identityUnusable)
    }
}

import CountingModuleSupport
import DevPKI
@testable import GnuTLS
@testable import MTLSClient
@testable import MTLSIdentity
import MTLSTestKit
import PKCS11
import SecretMemory
import Testing

/// Tokens that lack a mechanism, or answer in another form.
@Suite struct MechanismTests {
    /// An identity whose token seems to have only `mechanisms`.
    private func identity(
        _ token: SoftHSMToken, _ kind: GnuTLS.KeyKind, _ authority: CertificateAuthority, only mechanisms: Set<UInt>
    )
        async throws -> ClientIdentity
    {
        let certificate = try await token.issue(by: authority, commonName: "alice", key: kind, label: "limited")
        let found = try await Token.search(try PKCS11URI(token.uri))
        guard let secret = try await token.pin.read(.init(subject: "", name: "PIN")) else { throw CancellationError() }
        let key = TokenKey(found, .uri(try PKCS11URI(token.uri(object: "limited"))), pin: KnownPIN(secret))
        let signer = TokenSigner(
            key: key, publicKey: certificate.publicKey, subject: certificate.subject, mechanisms: mechanisms)
        return ClientIdentity(
            certifiedKey: try CertifiedKey(chain: [certificate], key: .external(signer)), source: "test",
            isInToken: true)
    }

    @Test(arguments: [2048, 3072])
    func withoutPSSThePaddingIsMadeHere(bits: Int) async throws {
        let world = try await TokenWorld()
        let token = try await SoftHSMToken()
        let limited = try await identity(
            token, .rsa(bits: bits), world.authority,
            only: [SigningMechanism.rsaRaw.type, SigningMechanism.rsaPKCS1.type])
        let client = try world.client(identity: .loaded(limited))
        let response = try await client.get()
        #expect(response.status == .ok)
        #expect(response.connection.handshake?.version == .v1_3)
        await client.shutdown()
    }

    @Test func withPKCS1AloneTLS12IsUsed() async throws {
        let world = try await TokenWorld()
        let token = try await SoftHSMToken()
        let limited = try await identity(
            token, .rsa(bits: 2048), world.authority, only: [SigningMechanism.rsaPKCS1.type])
        let client = try world.client(identity: .loaded(limited))
        let response = try await client.get()
        #expect(response.status == .ok)
        #expect(response.connection.handshake?.version == .v1_2)
        await client.shutdown()
    }

    @Test func withPKCS1AloneTLS13IsAnErrorThatSaysWhatIsMissing() async throws {
        let world = try await TokenWorld()
        let token = try await SoftHSMToken()
        let limited = try await identity(
            token, .rsa(bits: 2048), world.authority, only: [SigningMechanism.rsaPKCS1.type])
        let client = try Client(
            world.server.url, identity: .loaded(limited), trust: world.trust, tls: TLSSettings(minimumVersion: .v1_3))
        let error = await error { _ = try await client.get() }
        #expect(error?.code == .mechanismMissing)
        #expect(error?.message.contains("RSASSA-PSS") == true)
        #expect(world.server.requests.isEmpty)
        await client.shutdown()
    }

    @Test(
        arguments: [GnuTLS.KeyKind.rsa(bits: 3072), .rsa(bits: 4096), .ecdsaP384, .ecdsaP521], [TLSVersion.v1_2, .v1_3])
    func largerKeysWork(kind: GnuTLS.KeyKind, version: TLSVersion) async throws {
        let world = try await TokenWorld(key: kind)
        let client = try Client(
            world.server.url, identity: world.identity, trust: world.trust,
            tls: TLSSettings(minimumVersion: version, maximumVersion: version))
        #expect(try await client.get().status == .ok)
        #expect(world.server.requests.first?.client.certificate?.subject == "CN=alice")
        await client.shutdown()
    }

    @Test(
        arguments: [GnuTLS.KeyKind.rsa(bits: 2048), .ecdsaP256, .ecdsaP384, .ecdsaP521], [TLSVersion.v1_2, .v1_3])
    func importedKeysWork(kind: GnuTLS.KeyKind, version: TLSVersion) async throws {
        let world = try await TokenWorld()
        let intermediate = try world.authority.intermediate(commonName: "Intermediate")
        try await world.token.store(try intermediate.issueClient(commonName: "bob", key: kind), label: "imported")
        #expect(try await world.token.describeKey(object: "imported").isLocal == false)
        let client = try Client(
            world.server.url, identity: world.token.identity(object: "imported", module: world.counting.path),
            trust: world.trust, tls: TLSSettings(minimumVersion: version, maximumVersion: version))
        #expect(try await client.get().status == .ok)
        #expect(world.server.requests.first?.client.certificate?.subject == "CN=bob")
        await client.shutdown()
    }

    @Test func anECDSAAnswerIsUnderstoodInEveryForm() throws {
        let key = try PrivateKey.generate(.ecdsaP256)
        let digest = [UInt8](repeating: 9, count: 32)
        // Until one has a short half, which one in 128 has.
        var hadShort = false
        for _ in 0..<2000 where !hadShort {
            let der = try key.sign(hash: digest, scheme: .ecdsaSECP256R1SHA256)
            let (r, s) = try ECDSASignature.raw(fromDER: der)
            hadShort = r.count < 32 || s.count < 32
            func padded(_ number: [UInt8]) -> [UInt8] { [UInt8](repeating: 0, count: 32 - number.count) + number }
            for answer in [der, padded(r) + padded(s), r + s] {
                let isUnderstood = ECDSASignature.readings(of: answer, half: 32).contains {
                    key.publicKey.verify($0, ofHash: digest, scheme: .ecdsaSECP256R1SHA256)
                }
                #expect(isUnderstood)
            }
        }
        #expect(hadShort)
    }
}

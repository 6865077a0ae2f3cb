import DevPKI
import GnuTLS
import MTLSClient
import MTLSTestKit
import Synchronization
import Testing

/// A key that lives elsewhere, as far as the client can tell.
private final class RemoteKey: SigningKey {
    let schemes: [SignatureScheme]
    let signatures = Mutex(0)
    private let key: PrivateKey
    private let spoils: Bool

    init(_ issued: IssuedIdentity, schemes: [SignatureScheme]? = nil, spoils: Bool = false) {
        key = issued.privateKey
        self.schemes = schemes ?? issued.privateKey.publicKey.schemes
        self.spoils = spoils
    }

    var publicKey: PublicKey { key.publicKey }

    func sign(_ input: KeyInput, scheme: SignatureScheme) async throws -> [UInt8] {
        // As asynchronous as can be.
        await Task.yield()
        signatures.withLock { $0 += 1 }
        var signature =
            switch input {
            case .digest(let digest): try key.sign(hash: digest, scheme: scheme)
            case .message(let message): try key.sign(message, scheme: scheme)
            }
        if spoils { signature[signature.count - 1] ^= 1 }
        return signature
    }
}

private struct Unavailable: Error {}

private struct BrokenKey: SigningKey {
    let publicKey: PublicKey
    var schemes: [SignatureScheme] { publicKey.schemes }

    func sign(_ input: KeyInput, scheme: SignatureScheme) async throws -> [UInt8] { throw Unavailable() }
}

@Suite struct SigningKeyTests {
    @Test(arguments: [KeyKind.rsa(bits: 2048), .ecdsaP256, .ed25519], [TLSVersion.v1_2, .v1_3])
    func aKeyElsewhereSigns(kind: KeyKind, version: TLSVersion) async throws {
        let world = try World()
        let server = try await world.server(.required)
        let issued = try world.authority.issueClient(commonName: "alice", key: kind)
        let key = RemoteKey(issued)
        let client = try Client(
            server.url, identity: .signing(key, chain: issued.chain), trust: world.trust,
            tls: TLSSettings(minimumVersion: version, maximumVersion: version))
        #expect(try await client.get().body.text(upTo: .kibibytes(1)) == "CN=alice")
        #expect(key.signatures.withLock { $0 } == 1)
        await client.shutdown()
    }

    @Test func aWrongSignatureDoesNotGoOut() async throws {
        let world = try World()
        let server = try await world.server(.required)
        let issued = try world.authority.issueClient(commonName: "alice")
        let client = try Client(
            server.url, identity: .signing(RemoteKey(issued, spoils: true), chain: issued.chain), trust: world.trust)
        await #expect { try await client.get() } throws: { ($0 as? MTLSError)?.code == .signatureInvalid }
        #expect(server.requests.isEmpty)
        await client.shutdown()
    }

    @Test func aKeyOfAnotherCertificateIsRefusedWhenItIsLoaded() async throws {
        let world = try World()
        let server = try await world.server(.required)
        let alice = try world.authority.issueClient(commonName: "alice")
        let bob = try world.authority.issueClient(commonName: "bob")
        let client = try Client(server.url, identity: .signing(RemoteKey(alice), chain: bob.chain), trust: world.trust)
        await #expect { try await client.get() } throws: { ($0 as? MTLSError)?.code == .keyMismatch }
        #expect(server.connectionCount == 0)
        await client.shutdown()
    }

    @Test func whatASignerThrowsIsInTheError() async throws {
        let world = try World()
        let server = try await world.server(.required)
        let issued = try world.authority.issueClient(commonName: "alice")
        let client = try Client(
            server.url, identity: .signing(BrokenKey(publicKey: issued.certificate.publicKey), chain: issued.chain),
            trust: world.trust)
        await #expect { try await client.get() } throws: { error in
            (error as? MTLSError)?.code == .tokenFailed && (error as? MTLSError)?.underlying is Unavailable
        }
        await client.shutdown()
    }

    @Test func anUntrustedServerGetsNoSignatureFromItEither() async throws {
        let world = try World()
        let server = try await world.server(.required)
        let issued = try world.authority.issueClient(commonName: "alice")
        let key = RemoteKey(issued)
        let client = try Client(
            server.url, identity: .signing(key, chain: issued.chain), trust: .certificates([try World().authority.root])
        )
        await #expect { try await client.get() } throws: { ($0 as? MTLSError)?.code == .issuerUnknown }
        #expect(key.signatures.withLock { $0 } == 0)
        await client.shutdown()
    }
}

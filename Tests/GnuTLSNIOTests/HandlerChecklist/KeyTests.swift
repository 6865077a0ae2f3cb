import DevPKI
import GnuTLS
import GnuTLSNIO
import MTLSCore
import NIOCore
import NIOEmbedded
import Synchronization
import Testing

/// Client keys of each kind, late, wrong and chosen anew.
struct HandlerChecklistKeyTests {
    /// A client's certificate with a key of each kind, made once.
    struct Client: Sendable {
        let chain: [Certificate]
        let key: PrivateKey

        private static func make(_ kind: KeyKind) throws -> Client {
            let issued = try World.shared().authority.issueClient(commonName: "\(kind)", key: kind)
            return Client(chain: issued.chain, key: issued.privateKey)
        }

        private static let rsa = Result { try make(.rsa(bits: 2048)) }
        private static let p256 = Result { try make(.ecdsaP256) }
        private static let ed25519 = Result { try make(.ed25519) }

        static func with(_ kind: KeyKind) throws -> Client {
            switch kind {
            case .rsa: try rsa.get()
            case .ed25519: try ed25519.get()
            default: try p256.get()
            }
        }
    }

    private func shake(
        _ version: TLSVersion, _ chain: [Certificate], _ signer: TestSigner, _ lane: ManualLane, priority: String? = nil
    ) throws -> BackToBack {
        var setup = Setup(version: version, demand: .required)
        setup.clientKey = try CertifiedKey(chain: chain, key: .external(signer))
        setup.priority = priority
        let pair = try BackToBack(setup)
        pair.interact()
        #expect(signer.signatures == 0 && pair.client.outcome == nil)
        repeat { pair.interact() } while lane.run()
        return pair
    }

    @Test(arguments: TLSVersion.allCases, [KeyKind.rsa(bits: 2048), .ecdsaP256, .ed25519])
    func aDelayedSignatureOfEachKindCompletesTheHandshake(_ version: TLSVersion, _ kind: KeyKind) throws {
        let client = try Client.with(kind)
        let lane = ManualLane()
        let signer = TestSigner(client.key, on: lane)
        let pair = try shake(version, client.chain, signer, lane)
        #expect(pair.client.summary?.isKeyExternal == true && signer.signatures == 1)
        #expect(pair.server.summary?.peerChain.first?.der == client.chain[0].der)
    }

    @Test func aDelayedSignatureByPKCS1CompletesTheHandshake() throws {
        let client = try Client.with(.rsa(bits: 2048))
        let lane = ManualLane()
        let signer = TestSigner(client.key, on: lane, supports: { $0.isRSAPKCS1 })
        let pair = try shake(
            .v1_2, client.chain, signer, lane, priority: "-SIGN-ALL:+SIGN-RSA-SHA256:+SIGN-ECDSA-SHA256")
        #expect(pair.server.summary != nil && signer.signatures == 1)
    }

    @Test(arguments: TLSVersion.allCases)
    func aKeyThatIsNotTheCertificatesFailsTheHandshake(_ version: TLSVersion) throws {
        let client = try Client.with(.ecdsaP256)
        let lane = ManualLane()
        let signer = TestSigner(try World.shared().clientKey, on: lane)
        let pair = try shake(version, client.chain, signer, lane)
        #expect(pair.server.handshakeError != nil)
        #expect(pair.client.recorder.mtlsErrors.count == 1 && !pair.client.channel.isActive)
    }

    @Test(arguments: TLSVersion.allCases)
    func theCertificateIsChosenAnewForEachConnection(_ version: TLSVersion) throws {
        let choices = Mutex([try Client.with(.ecdsaP256), try Client.with(.ed25519)])
        var configuration = try Setup(version: version).client()
        configuration.choose = { _ in
            let next = choices.withLock { $0.removeFirst() }
            return try CertifiedKey(chain: next.chain, key: .software(next.key))
        }
        var shown: [String] = []
        for _ in 0..<2 {
            let loop = EmbeddedEventLoop()
            let client = try End(configuration, on: loop, active: true)
            let server = try End(Setup(version: version, demand: .required).server(), on: loop, active: true)
            for _ in 0..<3 {
                server.give(client.take())
                client.give(server.take())
            }
            shown += (server.summary?.peerChain.first?.subject).map { [$0] } ?? []
            for end in [client, server] { _ = try? end.channel.finish(acceptAlreadyClosed: true) }
        }
        #expect(shown == ["CN=\(KeyKind.ecdsaP256)", "CN=\(KeyKind.ed25519)"])
    }
}

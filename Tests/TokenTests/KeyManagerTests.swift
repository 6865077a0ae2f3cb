import CountingModuleSupport
import DevPKI
import GnuTLS
import MTLSClient
import MTLSIdentity
import MTLSTestKit
import PKCS11
import Testing

/// Keys are made, certified and deleted in the token.
@Suite struct KeyManagerTests {
    private func manager(_ token: SoftHSMToken, _ object: String?) async throws -> KeyManager {
        KeyManager(
            try await TokenAccess(
                object.map(token.uri(object:)) ?? token.uri, pin: token.pin, module: token.modulePath))
    }

    private func code(_ body: () async throws -> Void) async -> MTLSError.Code? { await error(of: body)?.code }

    @Test func aGeneratedKeyCannotLeaveTheToken() async throws {
        let token = try await SoftHSMToken()
        let made = try await manager(token, "new").generate(.ecP256, id: [0x01, 0xFF])
        #expect(made.uri.id == [0x01, 0xFF])
        let description = try await token.describeKey(object: "new")
        #expect(description.isLocal == true)
        #expect(description.isSensitive == true)
        #expect(description.wasNeverExtractable == true)
        #expect(!description.revealsItsValue)

        // Nor is it overwritten, or joined by another.
        #expect(await code { _ = try await manager(token, "new").generate(.ecP256) } == .tokenAmbiguous)
        #expect(
            await code { _ = try await manager(token, "b").generate(.ecP256, id: [0x01, 0xFF]) } == .tokenAmbiguous)
        #expect(await code { _ = try await manager(token, nil).generate(.ecP256) } == .tokenURIInvalid)
    }

    @Test(arguments: [PKCS11.KeyKind.rsa(bits: 2048), .ecP256, .ed25519])
    func aRequestIsForTheKeyAndSignedByIt(kind: PKCS11.KeyKind) async throws {
        let token = try await SoftHSMToken()
        let manager = try await manager(token, "new")
        let key = try await manager.generate(kind).publicKey
        // GnuTLS has verified the request's signature.
        let request = try await manager.request(
            subject: "CN=alice,O=Example", names: AlternativeNames(dns: ["a.example"], uris: ["urn:x"]))
        for part in [key.spkiDER, Array("alice".utf8), Array("a.example".utf8), Array("urn:x".utf8)] {
            #expect(request.contains(part))
        }
        #expect(await code { _ = try await manager.request(subject: "alice", names: .init()) } == .requestInvalid)
    }

    @Test func aSelfSignedCertificateServesItsKey() async throws {
        let token = try await SoftHSMToken()
        let manager = try await manager(token, "new")
        _ = try await manager.generate(.ecP256)
        let made = try await manager.selfSign(
            subject: "CN=alice", names: .init(), days: 2, replace: false)
        #expect(made.certificate.isSelfIssued)
        #expect(made.certificate.extendedKeyUsages == [KeyPurpose.clientAuth])
        #expect((made.certificate.notAfter - made.certificate.notBefore - 3600) == 2 * 86_400)

        let authority = try CertificateAuthority(commonName: "Server Root")
        let server = try await MTLSServer(
            identity: authority.issue(.server(names: ["127.0.0.1"])), clients: .required, trusting: [made.certificate])
        let client = try Client(
            server.url, identity: token.identity(object: "new"), trust: .certificates([authority.root]))
        #expect(try await client.get().status == .ok)
        #expect(server.requests.first?.client.certificate == made.certificate)
        await client.shutdown()
    }

    @Test func aCertificateIsStoredWithItsKeyAlone() async throws {
        let token = try await SoftHSMToken()
        let manager = try await manager(token, "new")
        let key = try await manager.generate(.ecP256, id: [7]).publicKey
        let authority = try CertificateAuthority(commonName: "Root").intermediate(commonName: "Issuer")
        let first = try authority.issueClient(commonName: "alice", publicKey: key)
        let stranger = try authority.issueClient(commonName: "mallory").certificate
        func store(_ chain: [Certificate], replace: Bool = false) async throws -> [PKCS11URI] {
            try await manager.importCertificates(pem: chain.flatMap(\.pemEncoded), name: "test", replace: replace)
        }

        #expect(await code { _ = try await store([stranger]) } == .keyMismatch)
        // The issuer comes first in the file, and goes to the token beside the certificate.
        let stored = try await store([authority.certificate, first])
        #expect(stored.map(\.id) == [[7], nil])
        #expect(try await store([first]) == [stored[0]])

        let renewed = try authority.issueClient(commonName: "alice", publicKey: key)
        #expect(await code { _ = try await store([renewed]) } == .tokenAmbiguous)
        _ = try await store([renewed], replace: true)
        let certificates = try await manager.matches().filter { $0.type == .certificate }
        #expect(certificates.map(\.certificate) == [renewed.der])

        let loaded = try await token.identity(object: "new").candidates(for: Endpoint("localhost", 1))
        #expect(loaded.first?.chain == [renewed, authority.certificate])

        #expect(try await manager.delete() == 3)
        #expect(try await manager.matches().isEmpty)
        let everything = try await self.manager(token, nil)
        #expect(await code { _ = try await everything.matches() } == .tokenURIInvalid)
        #expect(await code { _ = try await everything.delete() } != nil)
    }

    @Test func anAttendedLoginUsesAPINThatNoProgramMay() async throws {
        let token = try await SoftHSMToken()
        let module = try CountingModule(inFrontOf: token.modulePath)
        module.tokenFlags(adding: 0x20000)
        let unattended = try await TokenAccess(token.uri, pin: token.pin, module: module.path)
        let refusal = await error { _ = try await unattended.logIn() }
        #expect(refusal?.code == .pinLocked)
        #expect(refusal?.advice?.contains("mtls tokens login 'pkcs11:token=\(token.label);") == true)
        #expect(module.count(of: "C_Login") == 0)

        let attended = try await TokenAccess(token.uri, pin: token.pin, module: module.path, isAttended: true)
        _ = try await attended.logIn()
        #expect(module.count(of: "C_Login") == 1)
    }

    @Test func privateKeysAreInferredBeforeTheLoginAndListedAfterIt() async throws {
        let token = try await SoftHSMToken(issuedBy: try CertificateAuthority(commonName: "Root"), commonName: "alice")
        let module = try CountingModule(inFrontOf: token.modulePath)
        func list(logsIn: Bool) async throws -> [TokenInventory.Object] {
            let inventory = try await TokenInventory.read(
                try PKCS11URI(token.uri), module: module.path, logsIn: logsIn, pin: token.pin)
            #expect(inventory.modules.flatMap(\.entries).count == 1)
            return inventory.modules[0].entries[0].objects
        }
        // The login that made the key is over.
        let before = try await list(logsIn: false)
        #expect(before.map(\.type) == [.privateKey, .certificate])
        #expect(before.map(\.isInferred) == [true, false])
        #expect(before[1].summary.contains("CN=alice"))
        #expect(module.count(of: "C_Login") == 0)
        let after = try await list(logsIn: true)
        #expect(after.map(\.isInferred) == [false, false])
        #expect(after.map(\.id) == before.map(\.id))
    }
}

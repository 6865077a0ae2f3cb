import DevPKI
import GnuTLS
import MTLSClient
import MTLSTestKit
import Testing

/// Bad input gets a clear error, which names what is concerned.
@Suite struct TokenErrorTests {
    private func failure(_ identity: Identity) async throws -> MTLSError? {
        let authority = try CertificateAuthority(commonName: "Test Root")
        let server = try await MTLSServer(
            identity: authority.issue(.server(names: ["127.0.0.1"])), clients: .required, trusting: [authority.root])
        let client = try Client(server.url, identity: identity, trust: .certificates([authority.root]))
        defer { _ = server }
        let error = await error { _ = try await client.get() }
        await client.shutdown()
        return error
    }

    @Test func anUnknownTokenIsNamed() async throws {
        let token = try await SoftHSMToken()
        let error = try await failure(.token("pkcs11:token=nowhere;object=x", pin: token.pin, module: token.modulePath))
        #expect(error?.code == .tokenNotFound)
        #expect(error?.message.contains("token=nowhere") == true)
    }

    @Test func anAmbiguousURIListsTheCandidates() async throws {
        let authority = try CertificateAuthority(commonName: "Test Root")
        let token = try await SoftHSMToken()
        try await token.issue(by: authority, commonName: "alice", label: "one")
        try await token.issue(by: authority, commonName: "bob", label: "two")
        let error = try await failure(.token(token.uri, pin: token.pin, module: token.modulePath))
        #expect(error?.code == .tokenAmbiguous)
        #expect(error?.description.contains("object=one") == true)
        #expect(error?.description.contains("object=two") == true)
    }

    @Test func aMissingObjectListsWhatThereIs() async throws {
        let authority = try CertificateAuthority(commonName: "Test Root")
        let token = try await SoftHSMToken(issuedBy: authority)
        let error = try await failure(token.identity(object: "absent"))
        #expect(error?.code == .tokenObjectNotFound)
        #expect(error?.description.contains("object=client") == true)
    }

    @Test func aMissingModuleIsNamed() async throws {
        let error = try await failure(.token("pkcs11:token=x", module: "/nowhere/module.so"))
        #expect(error?.code == .tokenModuleUnavailable)
        #expect(error?.message.contains("/nowhere/module.so") == true)
    }

    @Test func aMalformedURIIsAnError() async throws {
        let error = try await failure(.token("pkcs11:tokn=x"))
        #expect(error?.code == .tokenURIInvalid)
        #expect(error?.message.contains("tokn") == true)
    }

    @Test func aMissingPINSaysHowToGiveOne() async throws {
        let authority = try CertificateAuthority(commonName: "Test Root")
        let token = try await SoftHSMToken(issuedBy: authority)
        let error = try await failure(.token(token.uri(object: "client"), module: token.modulePath))
        #expect(error?.code == .pinMissing)
        #expect(error?.advice != nil)
    }

    @Test func aPINSourceInTheURIIsRead() async throws {
        let authority = try CertificateAuthority(commonName: "Test Root")
        let token = try await SoftHSMToken(issuedBy: authority)
        let uri = "\(token.uri(object: "client"))?pin-source=file:\(try token.writePINFile())"
        let server = try await MTLSServer(
            identity: authority.issue(.server(names: ["127.0.0.1"])), clients: .required, trusting: [authority.root])
        let client = try Client(
            server.url, identity: .token(uri, module: token.modulePath), trust: .certificates([authority.root]))
        #expect(try await client.get().status == .ok)
        await client.shutdown()
    }

    @Test func aCommandAsPINSourceIsRefused() async throws {
        let authority = try CertificateAuthority(commonName: "Test Root")
        let token = try await SoftHSMToken(issuedBy: authority)
        let error = try await failure(
            .token("\(token.uri(object: "client"))?pin-source=%7Ccat", module: token.modulePath))
        #expect(error?.code == .tokenURIInvalid)
    }
}

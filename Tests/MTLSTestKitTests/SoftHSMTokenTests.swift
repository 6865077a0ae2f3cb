import DevPKI
import Glibc
import GnuTLS
import MTLSClient
import MTLSTestKit
import Testing

/// Tokens for tests.
@Suite struct SoftHSMTokenTests {
    @Test func tokensUsedInParallelDoNotMix() async throws {
        let authority = try CertificateAuthority(commonName: "Test Root")
        let server = try await MTLSServer(
            identity: authority.issue(.server(names: ["127.0.0.1"])), clients: .required, trusting: [authority.root])
        let labels = try await withThrowingTaskGroup(of: String.self) { group in
            for number in 0..<4 {
                group.addTask {
                    let name = "client-\(number)"
                    let token = try await SoftHSMToken(issuedBy: authority, commonName: name)
                    let client = try Client(
                        server.url, identity: token.identity, trust: .certificates([authority.root]))
                    for _ in 0..<5 { _ = try await client.get("/\(name)") }
                    await client.shutdown()
                    return token.label
                }
            }
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        #expect(labels.count == 4)
        #expect(server.requests.count == 20)
        for request in server.requests {
            #expect(request.client.certificate?.subject == "CN=\(request.path.dropFirst())")
        }
    }

    @Test func oneTokenHoldsSeveralIdentities() async throws {
        let root = try CertificateAuthority(commonName: "Test Root")
        let authority = try root.intermediate(commonName: "Middle")
        let server = try await MTLSServer(
            identity: root.issue(.server(names: ["127.0.0.1"])), clients: .required, trusting: [root.root])
        let token = try await SoftHSMToken()
        try await token.issue(by: authority, commonName: "alice", key: .ecdsaP384, label: "one")
        try await token.issue(by: authority, commonName: "bob", key: .rsa(bits: 2048), label: "two")
        for (label, subject) in [("one", "CN=alice"), ("two", "CN=bob")] {
            let client = try Client(
                server.url, identity: token.identity(object: label), trust: .certificates([root.root]))
            _ = try await client.get()
            #expect(server.requests.last?.client.certificate?.subject == subject)
            await client.shutdown()
        }
        let key = try await token.describeKey(object: "one")
        #expect(key.isLocal == true)
        #expect(key.isSensitive == true)
        #expect(key.isExtractable == false)
        #expect(key.wasNeverExtractable == true)
        #expect(!key.revealsItsValue)

        // The same by a PIN in a file.
        let path = try token.writePINFile()
        var status = stat()
        #expect(stat(path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        let client = try Client(
            server.url, identity: .token(token.uri(object: "one"), pin: .file(path), module: token.modulePath),
            trust: .certificates([root.root]))
        #expect(try await client.get().status == .ok)
        await client.shutdown()
    }

    @Test func keysThatSoftHSMDoesNotMakeAreRefused() async throws {
        let token = try await SoftHSMToken()
        let error = await #expect(throws: MTLSError.self) { try await token.generateKey(.ed448, label: "x") }
        #expect(error?.code == .mechanismMissing)
    }
}

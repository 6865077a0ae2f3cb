import DevPKI
import Glibc
import GnuTLS
import MTLSCore
import MTLSIdentity
import SecretMemory
import Testing

/// Identities in PEM: what is read.
@Suite struct PEMIdentityTests {
    private let authority: CertificateAuthority
    private let scratch: Scratch

    init() throws {
        authority = try CertificateAuthority(commonName: "Test Root")
        scratch = try Scratch()
    }

    private func load(_ identity: Identity) async throws -> ClientIdentity {
        let candidates = try await identity.candidates(for: anywhere)
        #expect(candidates.count == 1)
        return try #require(candidates.first)
    }

    @Test func certificateAndKeyAreReadFromTwoFiles() async throws {
        let issued = try authority.issueClient(commonName: "alice")
        let files = try issued.write(to: scratch.path, name: "alice")
        let identity = try await load(.pem(certificate: files.certificate, key: files.key))
        #expect(identity.chain == issued.chain)
        #expect(identity.subject == "CN=alice")
        #expect(identity.source.contains(files.key))
        #expect(!identity.isInToken)
    }

    @Test func oneFileMayHoldBoth() async throws {
        let issued = try authority.issueClient(commonName: "alice")
        let both = try issued.key() + issued.certificatePEM
        let path = try scratch.file("both.pem", both)
        #expect(try await load(.pem(certificate: path)).chain == issued.chain)
        #expect(try await load(.pem(certificate: both, key: both)).chain == issued.chain)
    }

    @Test func theIssuersOfTheFileAreShownToo() async throws {
        let middle = try authority.intermediate(commonName: "Middle").intermediate(commonName: "Low")
        let issued = try middle.issueClient(commonName: "alice")
        let identity = try await load(.pem(certificate: issued.certificatePEM, key: issued.key()))
        #expect(identity.chain.map(\.subject) == ["CN=alice", "CN=Low", "CN=Middle"])
    }

    @Test func filesWithCarriageReturnsAndTextAroundAreRead() async throws {
        let issued = try authority.issueClient(commonName: "alice")
        let pem = Array("Bag Attributes: x\n".utf8) + issued.certificatePEM + (try issued.key())
        let crlf = pem.flatMap { $0 == UInt8(ascii: "\n") ? [UInt8(ascii: "\r"), $0] : [$0] }
        #expect(try await load(.pem(certificate: scratch.file("crlf.pem", crlf))).subject == "CN=alice")
    }

    @Test(arguments: [
        (KeyKind.rsa(bits: 2048), "openssl pkey -traditional", "BEGIN RSA PRIVATE KEY"),
        (.ecdsaP256, "openssl pkey -traditional", "BEGIN EC PRIVATE KEY"),
        (.ed25519, "cat", "BEGIN PRIVATE KEY"),
    ])
    func everyFormOfKeyIsRead(kind: KeyKind, command: String, label: String) async throws {
        let issued = try authority.issueClient(commonName: "alice", key: kind)
        let key = try shell(command, in: scratch, input: issued.key())
        try #require(String(decoding: key, as: UTF8.self).contains(label), "is openssl installed?")
        #expect(try await load(.pem(certificate: issued.certificatePEM, key: key)).subject == "CN=alice")
    }

    @Test(arguments: ["cat", "openssl pkey -passin pass:hunter2 -traditional -aes256 -passout pass:hunter2"])
    func aPassphraseMayComeFromAFileAnEnvironmentVariableOrAClosure(command: String) async throws {
        let issued = try authority.issueClient(commonName: "alice")
        let key = try scratch.file(
            "key.pem", shell(command, in: scratch, input: issued.key(passphrase: "hunter2")))
        let certificate = try scratch.file("alice.pem", issued.certificatePEM)
        let variable = "MTLS_IDENTITY_TEST_\(UInt32.random(in: 0 ... .max))"
        setenv(variable, "hunter2", 1)
        let sources = [
            try SecretSource.file(scratch.file("passphrase", Array("hunter2\n".utf8))), .environment(variable),
            .closure { request in
                #expect(request.name == "passphrase")
                #expect(request.subject.contains("key.pem"))
                #expect(!request.isFinalTry)
                return secret("hunter2")
            },
        ]
        for source in sources {
            let identity = try await load(.pem(certificate: certificate, key: key, passphrase: source))
            #expect(identity.subject == "CN=alice")
        }
    }

    @Test func theFilesAreReadOnceAndThePassphraseAskedForOnce() async throws {
        let issued = try authority.issueClient(commonName: "alice")
        let asked = Counter()
        let identity = try Identity.pem(
            certificate: issued.certificatePEM, key: issued.key(passphrase: "hunter2"),
            passphrase: .closure { _ in
                asked.add()
                return secret("hunter2")
            })
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<20 { group.addTask { _ = try await identity.candidates(for: anywhere) } }
            try await group.waitForAll()
        }
        #expect(asked.count == 1)
    }

    @Test func aPassphraseForAKeyInTheClearIsNotAskedFor() async throws {
        let issued = try authority.issueClient(commonName: "alice")
        let identity = try Identity.pem(
            certificate: issued.certificatePEM, key: issued.key(),
            passphrase: .closure { _ in
                Issue.record("asked")
                return nil
            })
        #expect(try await load(identity).subject == "CN=alice")
    }
}

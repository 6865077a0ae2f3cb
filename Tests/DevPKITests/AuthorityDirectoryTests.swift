import DevPKI
import Glibc
import GnuTLS
import MTLSCore
import MTLSIdentity
import SecretMemory
import Testing

struct AuthorityDirectoryTests {
    /// A directory that is gone with the object, and in it one that is not made yet.
    private final class World: Sendable {
        let base: String
        let directory: AuthorityDirectory
        let now = Int64(time(nil))

        init() throws {
            var template = Array("/tmp/devpki-XXXXXX".utf8CString)
            let made = mkdtemp(&template)
            base = String(cString: try #require(made))
            directory = AuthorityDirectory("\(base)/pki")
        }

        deinit {
            for path in [directory.path, base] {
                if let listing = opendir(path) {
                    while let entry = readdir(listing) {
                        unlink(
                            "\(path)/"
                                + withUnsafeBytes(of: &entry.pointee.d_name) {
                                    String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
                                })
                    }
                    closedir(listing)
                }
                rmdir(path)
            }
        }

        var period: LeafRequest.Period { .init(notBefore: now - 3600, notAfter: now + 86_400) }

        @discardableResult
        func makeRoot(_ name: String = "ca", replaces: Bool = false) throws -> Certificate {
            try directory.create()
            return try directory.makeRoot(
                name, commonName: "Root \(name)", key: .ecdsaP256, period: period, pathLength: nil, passphrase: nil,
                replaces: replaces)
        }

        func open(_ name: String = "ca") async throws -> StoredAuthority {
            try await StoredAuthority(name, in: directory, passphrase: nil)
        }

        func client(_ names: AlternativeNames = .init()) -> LeafRequest {
            LeafRequest(
                subject: .commonName("alice"), names: names, purposes: [KeyPurpose.clientAuth], period: period)
        }

        func mode(_ path: String) -> mode_t {
            var status = stat()
            return stat(path, &status) == 0 ? status.st_mode & 0o777 : 0
        }
    }

    @Test func onlyTheOwnerReadsTheKeyOfAnAuthority() throws {
        let world = try World()
        try world.makeRoot()
        #expect(world.mode(world.directory.path) == 0o700)
        #expect(world.mode(world.directory.keyPath("ca")) == 0o600)
    }

    @Test func nothingIsOverwritten() async throws {
        let world = try World()
        let root = try world.makeRoot()
        #expect { try world.makeRoot() } throws: { ($0 as? MTLSError)?.code == .fileExists }
        #expect(world.directory.certificates("ca") == [root])
        let other = try world.makeRoot(replaces: true)
        #expect(world.directory.certificates("ca") == [other])
        // Nothing is left behind that was being written.
        #expect(world.directory.authorities() == ["ca"])
    }

    @Test func noOtherCertificateTakesThePlaceOfAnAuthority() throws {
        let world = try World()
        try world.makeRoot()
        #expect { try world.directory.requireFree("ca", replaces: true) } throws: {
            ($0 as? MTLSError)?.code == .fileExists
        }
    }

    @Test(arguments: ["", ".", "../x", "a/b", "-x", "ca-key", "ca-crl", "a b", "é", "a\nb"])
    func whatIsNoFileNameIsRefused(name: String) {
        #expect(throws: MTLSError.self) { try AuthorityDirectory.checkName(name) }
    }

    @Test func whatAnIntermediateIssuesLeadsToTheRoot() async throws {
        let world = try World()
        let root = try world.makeRoot()
        let made = try world.directory.makeIntermediate(
            "below", commonName: "Below", below: try await world.open(), key: .ecdsaP384, period: world.period,
            pathLength: 0, passphrase: nil, replaces: false)
        let authority = try await world.open("below")
        let leaf = try authority.certify(
            world.client(), for: PrivateKey.generate(.ed25519).publicKey, file: "alice")
        let chain = [leaf] + authority.intermediates
        #expect(chain == [leaf, made])
        guard
            case .trusted(let path) = try TrustList(anchors: [root]).verify(
                chain: chain, purpose: KeyPurpose.clientAuth)
        else { Issue.record("refused"); return }
        #expect(path == chain + [root])
        #expect(world.directory.root(above: chain)?.name == "ca")
        #expect(try world.directory.index("ca").entries.map(\.file) == ["below.pem"])
        #expect(try world.directory.index("below").entries.map(\.serialNumber) == [leaf.serialNumber])
        #expect(throws: MTLSError.self) {
            try world.directory.makeIntermediate(
                "third", commonName: "Third", below: authority, key: .ecdsaP256, period: world.period, pathLength: nil,
                passphrase: nil, replaces: false)
        }
    }

    @Test func anEncryptedAuthorityOpensByItsPassphraseAlone() async throws {
        let world = try World()
        try world.directory.create()
        var bytes = Array("right".utf8)
        let passphrase = SecretBytes(wiping: &bytes)
        _ = try world.directory.makeRoot(
            "ca", commonName: "Root", key: .ecdsaP256, period: world.period, pathLength: nil, passphrase: passphrase,
            replaces: false)
        await #expect { try await world.open() } throws: { ($0 as? MTLSError)?.code == .passphraseMissing }
        _ = try await StoredAuthority("ca", in: world.directory, passphrase: .closure { _ in passphrase })
    }

    @Test func theRevokedAreListedByGrowingNumbers() async throws {
        let world = try World()
        let root = try world.makeRoot()
        let authority = try await world.open()
        let key = try PrivateKey.generate(.ecdsaP256).publicKey
        let good = try authority.certify(world.client(), for: key, file: "good")
        let bad = try authority.certify(world.client(), for: key, file: "bad")
        #expect(try authority.revoke("0123", now: world.now) == nil)
        #expect(try authority.revoke(bad.serialNumber, now: world.now)?.revokedAt == world.now)
        // The first revocation counts.
        #expect(try authority.revoke(bad.serialNumber, now: world.now + 9)?.revokedAt == world.now)
        let first = try authority.writeList(now: world.now, nextUpdate: world.now + 60)
        let second = try authority.writeList(now: world.now, nextUpdate: world.now + 60)
        #expect(try second.entries() == [.init(serialNumber: bad.serialNumber, revokedAt: world.now)])
        let numbers = (try first.number(), try second.number())
        #expect(try #require(numbers.1) > #require(numbers.0))
        let trust = try TrustList(anchors: [root], revocationLists: [second])
        guard case .trusted = try trust.verify(chain: [good]),
            case .refused(let refusal) = try trust.verify(chain: [bad])
        else { Issue.record("the good one is refused or the bad one trusted"); return }
        guard case .revoked = refusal.reason else { Issue.record("\(refusal)"); return }
    }

    @Test func whatIsNoNameIsNotCertified() async throws {
        let world = try World()
        try world.makeRoot()
        let authority = try await world.open()
        let key = try PrivateKey.generate(.ecdsaP256).publicKey
        for names in [
            AlternativeNames(dns: ["a b"]), .init(dns: ["*"]), .init(dns: ["a.*.example"]), .init(dns: ["a\0.example"]),
            .init(dns: ["10.0.0.1"]), .init(addresses: [[1, 2, 3]]), .init(emails: ["a b"]), .init(uris: ["ü:x"]),
        ] {
            #expect(throws: MTLSError.self, "\(names)") {
                try authority.certify(world.client(names), for: key, file: "x")
            }
        }
        #expect(try world.directory.index("ca").entries.isEmpty)
    }

    @Test func aRequestThatItsKeyHasNotSignedIsRefused() async throws {
        let world = try World()
        try world.makeRoot()
        let authority = try await world.open()
        // By `openssl req -new -newkey ed25519 -subj /CN=carol -addext subjectAltName=DNS:carol.test`: it has no dates.
        let pem = """
            -----BEGIN CERTIFICATE REQUEST-----
            MIG3MGsCAQAwEDEOMAwGA1UEAwwFY2Fyb2wwKjAFBgMrZXADIQB+RxQ+pDd+1lt3
            wN6VWI9rSme/GJ0TxxGbzHWauNPSX6AoMCYGCSqGSIb3DQEJDjEZMBcwFQYDVR0R
            BA4wDIIKY2Fyb2wudGVzdDAFBgMrZXADQQCuTwlleyq7Lwsqec91yepaSoigz8U/
            2Q24VyET1lFvMiQesq8hLfKpL1YUjLMFbUpPizMsmwS+7QfTuKpaYqgN
            -----END CERTIFICATE REQUEST-----
            """
        let good = try ReceivedRequest.read(pem: Array(pem.utf8))
        #expect(good.isProven && good.subject == "CN=carol" && good.names.dns == ["carol.test"])
        #expect(try authority.certify(good, as: world.client(), file: "carol").publicKey == good.publicKey)
        var der = good.der
        der[der.count - 1] ^= 1
        let bad = try ReceivedRequest(der: der)
        #expect(!bad.isProven)
        #expect { try authority.certify(bad, as: world.client(), file: "carol") } throws: {
            ($0 as? MTLSError)?.code == .requestInvalid
        }
    }

    @Test func manyMayIssueAtOnce() async throws {
        let world = try World()
        try world.makeRoot()
        let authority = try await world.open()
        let key = try PrivateKey.generate(.ecdsaP256).publicKey
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<8 {
                group.addTask { _ = try authority.certify(world.client(), for: key, file: "\(number)") }
            }
            try await group.waitForAll()
        }
        #expect(Set(try world.directory.index("ca").entries.map(\.file)).count == 8)
    }
}

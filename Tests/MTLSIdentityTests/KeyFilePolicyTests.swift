import DevPKI
import Glibc
import MTLSCore
import Testing

@testable import MTLSIdentity

/// Owners and modes of key files.
@Suite(.timeLimit(.minutes(5))) struct KeyFilePolicyTests {
    private let scratch: Scratch
    private let files: IssuedIdentity.Files

    init() throws {
        scratch = try Scratch()
        files = try CertificateAuthority(commonName: "Test Root").issueClient(commonName: "alice")
            .write(to: scratch.path, name: "alice")
    }

    private func load(_ policy: KeyFilePolicy, key: String? = nil) async throws -> ClientIdentity {
        let identity = Identity.pem(certificate: files.certificate, key: key ?? files.key, keyFile: policy)
        return try #require(try await identity.candidates(for: anywhere).first)
    }

    @Test(arguments: [
        (mode_t(0o600), nil), (0o400, nil), (0o700, nil), (0o640, "may be read"), (0o604, "may be read"),
        (0o620, "may be changed"), (0o666, "may be changed"),
    ])
    func theModeDecides(mode: mode_t, fault: String?) {
        let found = KeyFilePolicy.warn.fault(owner: 1000, mode: S_IFREG | mode, user: 1000)
        #expect(found?.prefix(fault?.count ?? 0) == fault.map { $0[...] })
        #expect(found?.contains("(mode \(String(mode, radix: 8)))") ?? true)
    }

    @Test(arguments: [(uid_t(1000), true), (0, true), (1001, false)])
    func theOwnerIsThisUserOrRoot(owner: uid_t, isFine: Bool) {
        #expect((KeyFilePolicy.warn.fault(owner: owner, mode: 0o600, user: 1000) == nil) == isFine)
    }

    @Test func aKeyOfOnesOwnGivesNoWarning() async throws {
        #expect(try await load(.refuse).warnings.isEmpty)
    }

    @Test func aKeyThatOthersReadIsWarnedOfOnce() async throws {
        chmod(files.key, 0o644)
        let identity = try await load(.warn)
        #expect(identity.warnings == ["the key file \"\(files.key)\" may be read by others than its owner (mode 644)"])
        #expect(identity.takeWarnings() == identity.warnings)
        #expect(identity.takeWarnings() == [])
        #expect(try await load(.ignore).warnings.isEmpty)
    }

    @Test func aKeyThatOthersReadIsRefusedByPolicy() async throws {
        chmod(files.key, 0o640)
        let error = await failure(of: .pem(certificate: files.certificate, key: files.key, keyFile: .refuse))
        #expect(error?.code == .keyFileUnsafe)
        #expect(error?.message.contains(files.key) == true)
        #expect(error?.advice != nil)
    }

    @Test func aCertificateMayBeReadByAll() async throws {
        chmod(files.certificate, 0o644)
        #expect(try await load(.refuse).warnings.isEmpty)
    }

    @Test func linksAreFollowedUnlessThePolicyForbidsIt() async throws {
        let link = "\(scratch.path)/link.pem"
        try #require(symlink(files.key, link) == 0)
        #expect(try await load(.refuse, key: link).subject == "CN=alice")
        let error = await failure(
            of: .pem(certificate: files.certificate, key: link, keyFile: KeyFilePolicy(followsLinks: false)))
        #expect(error?.code == .keyFileUnsafe)
        #expect(error?.message.contains("\"\(link)\"") == true)
    }
}

import ChainCases
import DevPKI
import GnuTLS
import MTLSCore
import Testing

@testable import MTLSIdentity

/// What a client may demand of a server beside the anchors.
@Suite struct TrustDemandTests {
    private let root: CertificateAuthority
    private let server: IssuedIdentity
    private let scratch: Scratch

    init() throws {
        root = try CertificateAuthority(commonName: "Test Root")
        server = try root.issue(.server(names: ["api.example"]))
        scratch = try Scratch()
    }

    private func verdict(_ trust: Trust, staples: [[UInt8]]? = []) async throws -> MTLSError? {
        let evaluator = TrustEvaluator(trust)
        try await evaluator.prepare()
        let peer = PresentedChain(server.chain, staples: staples)
        switch evaluator.verdict(on: peer, for: .dns("api.example"), name: "api.example") {
        case .success: return nil
        case .failure(let error): return error
        }
    }

    private var trust: Trust { .certificates([root.root]) }

    // MARK: Anchors

    @Test func filesInDERAreAnchors() async throws {
        let file = try scratch.file("ca.der", root.root.der)
        #expect(try await verdict(.pem(file)) == nil)
        #expect(try await verdict(.pem(bytes: root.root.der)) == nil)
    }

    @Test func aDirectoryIsRead() async throws {
        _ = try scratch.file("a.pem", CertificateAuthority(commonName: "Other").root.pemEncoded)
        _ = try scratch.file("5ed36f99.0", root.root.pemEncoded)
        _ = try scratch.file("README", Array("no certificate".utf8))
        #expect(try await verdict(.directory(scratch.path)) == nil)
    }

    @Test func aDirectoryWithoutAnchorsIsAnError() async throws {
        _ = try scratch.file("README", Array("no certificate".utf8))
        for path in [scratch.path, scratch.path + "/missing"] {
            let error = await #expect(throws: MTLSError.self) { try await verdict(.directory(path)) }
            #expect(error?.code == .trustUnreadable)
            #expect(error?.message.contains("\"\(path)\"") == true)
        }
    }

    @Test func theAnchorsOfBothAreTrusted() async throws {
        let other = Trust.certificates([try CertificateAuthority(commonName: "Other").root])
        #expect(try await verdict(other)?.code == .issuerUnknown)
        #expect(try await verdict(other.and(trust)) == nil)
        #expect(try await verdict(trust.and(other)) == nil)
    }

    @Test func theDemandsOfBothCount() async throws {
        let pin = try PublicKeyPin(sha256: [UInt8](repeating: 0, count: 32))
        #expect(try await verdict(trust.and(trust.pinned([pin])))?.code == .pinMismatch)
        #expect(try await verdict(trust.ocsp(.required).and(trust))?.code == .stapleMissing)
        #expect(try await verdict(trust.and(trust.ocsp(.required)))?.code == .stapleMissing)
    }

    // MARK: Pins

    @Test func theServersKeyIsPinned() async throws {
        let pin = try PublicKeyPin(of: server.certificate)
        let other = try PublicKeyPin(sha256: [UInt8](repeating: 7, count: 32))
        #expect(try await verdict(trust.pinned([other, pin])) == nil)
        let error = try #require(try await verdict(trust.pinned([other])))
        #expect(error.code == .pinMismatch)
        #expect(error.message.contains(pin.description))
    }

    @Test func thePinOfAnAuthorityIsNotTheServers() async throws {
        #expect(try await verdict(trust.pinned([PublicKeyPin(of: root.root)]))?.code == .pinMismatch)
    }

    @Test func aPinReplacesNoAnchor() async throws {
        let stranger = Trust.certificates([try CertificateAuthority(commonName: "Other").root])
        #expect(
            try await verdict(stranger.pinned([PublicKeyPin(of: server.certificate)]))?.code == .issuerUnknown)
    }

    @Test func pinsCountWhereAnythingIsTrusted() async throws {
        let anything = Trust.dangerouslyTrustAnything
        #expect(try await verdict(anything.pinned([PublicKeyPin(of: server.certificate)])) == nil)
        let other = try PublicKeyPin(sha256: [UInt8](repeating: 7, count: 32))
        #expect(try await verdict(anything.pinned([other]))?.code == .pinMismatch)
    }

    @Test(arguments: [
        "", "sha256//", "sha256//AAAA", "sha1//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=", "sha256// AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ])
    func whatIsNoPinIsRefused(text: String) {
        #expect(throws: MTLSError.self) { try PublicKeyPin(text) }
    }

    @Test func pinsAreReadAsCurlWritesThem() throws {
        let text = "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
        #expect(try PublicKeyPin(text).description == text)
        #expect(try PublicKeyPin.list("\(text);\(text)").count == 2)
        #expect(throws: MTLSError.self) { try PublicKeyPin.list("\(text);") }
    }

    // MARK: Revocation

    @Test func listsAreReadFromFiles() async throws {
        let list = try root.revocationList(revoking: [server.certificate])
        let pem = try scratch.file("list.pem", list)
        let der = try scratch.file("list.der", RevocationList.all(pem: list)[0].der)
        for path in [pem, der] {
            let error = try #require(try await verdict(trust.revocationLists(path)))
            #expect(error.code == .certificateRevoked)
            #expect(error.message.contains("was revoked on"))
        }
        #expect(try await verdict(trust.revocationLists(pem, policy: .off)) == nil)
    }

    @Test func aListThatCannotBeReadIsNamed() async throws {
        let path = try scratch.file("list.pem", Array("none".utf8))
        let error = await #expect(throws: MTLSError.self) { try await verdict(trust.revocationLists(path)) }
        #expect(error?.code == .trustUnreadable)
        #expect(error?.message.contains("\"\(path)\"") == true)
    }

    @Test func aResumedSessionNeedsNoStaple() async throws {
        #expect(try await verdict(trust.ocsp(.required), staples: nil) == nil)
    }

    // MARK: Own checks

    @Test func checksRunInTheirOrderAndTheFirstRefusalCounts() async throws {
        struct Refusal: Error {}
        let own = MTLSError(.init(rawValue: "own.code"), phase: .verify, fault: .peer, "no")
        let path = try #require(
            try? await { () async throws -> [Certificate] in
                let evaluator = TrustEvaluator(trust)
                try await evaluator.prepare()
                return try evaluator.verdict(
                    on: PresentedChain(server.chain), for: .dns("api.example"), name: "api.example"
                ).get()
            }())
        #expect(path == [server.certificate, root.root])
        let subject = VerifiedServer(endpoint: anywhere, name: "api.example", path: path)
        let good = trust.check { #expect($0.path.count == 2) }
        try await TrustEvaluator(good).check(subject)
        let error = await #expect(throws: MTLSError.self) {
            try await TrustEvaluator(good.check { _ in throw own }.check { _ in throw Refusal() }).check(subject)
        }
        #expect(error?.code.rawValue == "own.code")
        let other = await #expect(throws: MTLSError.self) {
            try await TrustEvaluator(good.check { _ in throw Refusal() }).check(subject)
        }
        #expect(other?.code == .certificateRefused)
    }

    // MARK: Fingerprint

    @Test func whatJudgesDifferentlyHasAnotherFingerprint() async throws {
        let other = try CertificateAuthority(commonName: "Other").root
        let pin = try PublicKeyPin(of: server.certificate)
        let list = try root.revocationList(revoking: [])
        var seen: Set<[UInt8]> = []
        let trusts = [
            trust, .certificates([other]), .certificates([other, root.root]), trust.pinned([pin]),
            trust.ocsp(.required), trust.depth(1), trust.revocationLists(bytes: list), .dangerouslyTrustAnything,
        ]
        for trust in trusts {
            let evaluator = TrustEvaluator(trust)
            #expect(evaluator.fingerprint == nil)
            try await evaluator.prepare()
            seen.insert(try #require(evaluator.fingerprint))
        }
        #expect(seen.count == trusts.count)
        let again = TrustEvaluator(.certificates([root.root, root.root]))
        try await again.prepare()
        #expect(seen.contains(try #require(again.fingerprint)))
    }
}

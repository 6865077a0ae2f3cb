import DevPKI
import Glibc
import GnuTLS
import MTLSCore
import Testing

@testable import MTLSIdentity

/// Whom a client trusts, and what a refusal says.
@Suite struct TrustTests {
    private let root: CertificateAuthority
    private let scratch: Scratch

    init() throws {
        root = try CertificateAuthority(commonName: "Test Root")
        scratch = try Scratch()
    }

    private func refusal(
        _ chain: [Certificate], trusting trust: Trust? = nil, name: String = "api.example"
    ) async throws -> MTLSError? {
        let evaluator = TrustEvaluator(trust ?? .certificates([root.root]))
        try await evaluator.prepare()
        let error = verdict(evaluator, chain.map(\.der), for: try #require(ServerName(name)), name: name)
        if let error {
            #expect(error.phase == .verify)
            #expect(error.fault == .peer)
            #expect(error.message.contains(name))
        }
        return error
    }

    private func verdict(
        _ evaluator: TrustEvaluator, _ chain: [[UInt8]], for expected: ServerName = .dns("api.example"),
        name: String = "api.example"
    ) -> MTLSError? {
        switch evaluator.verdict(on: PresentedChain(chain), for: expected, name: name) {
        case .success: nil
        case .failure(let error): error
        }
    }

    private func unreadable(_ trust: Trust) async -> MTLSError? {
        let error = await #expect(throws: MTLSError.self) { try await TrustEvaluator(trust).prepare() }
        #expect(error?.code == .trustUnreadable)
        return error
    }

    private func server(
        _ names: String..., by authority: CertificateAuthority? = nil, key: GnuTLS.KeyKind = .ecdsaP256,
        validity: Validity = .hours(24), edit: (inout LeafSubject) -> Void = { _ in }
    ) throws -> [Certificate] {
        var subject = LeafSubject.server(names: names.isEmpty ? ["api.example"] : names)
        edit(&subject)
        return try (authority ?? root).issue(subject, key: key, validity: validity).chain
    }

    // MARK: Anchors

    @Test func aGoodChainIsAccepted() async throws {
        #expect(try await refusal(server()) == nil)
        let below = try root.intermediate(commonName: "Middle")
        #expect(try await refusal(server(by: below)) == nil)
    }

    @Test func filesAndBytesAreAnchors() async throws {
        let other = try CertificateAuthority(commonName: "Other Root")
        let paths = try [root.writeRoot(to: scratch.path, name: "a"), other.writeRoot(to: scratch.path, name: "b")]
        let chains = try [server(), server(by: other)]
        for chain in chains {
            #expect(try await refusal(chain, trusting: .pem(paths[0], paths[1])) == nil)
            #expect(
                try await refusal(chain, trusting: .pem(bytes: root.root.pemEncoded + other.root.pemEncoded)) == nil)
        }
        #expect(try await refusal(chains[0], trusting: .pem(paths[0])) == nil)
        #expect(try await refusal(chains[1], trusting: .pem(paths[0]))?.code == .issuerUnknown)
    }

    @Test(.enabled(if: access("/etc/ssl/certs/ca-certificates.crt", R_OK) == 0))
    func theSystemsAnchorsMayBeAddedTo() async throws {
        #expect(try await refusal(server(), trusting: .system)?.code == .issuerUnknown)
        #expect(try await refusal(server(), trusting: .systemAnd(.certificates([root.root]))) == nil)
        #expect(try await refusal(server(), trusting: .systemAnd(.dangerouslyTrustAnything)) == nil)
    }

    @Test func anythingIsTrustedOnRequestAlone() async throws {
        let stranger = try CertificateAuthority(commonName: "Stranger")
        let chain = try server("other.example", by: stranger, validity: .expired)
        #expect(try await refusal(chain, trusting: .dangerouslyTrustAnything) == nil)
    }

    @Test func filesThatCannotBeReadAreNamed() async throws {
        let empty = try scratch.file("empty.pem", [])
        let noise = try scratch.file(
            "noise.pem", Array("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----".utf8))
        let missing = scratch.path + "/missing.pem"
        let good = try root.writeRoot(to: scratch.path)
        for bad in [empty, noise, missing, scratch.path] {
            #expect(await unreadable(.pem(bad))?.message.contains("\"\(bad)\"") == true)
            #expect(await unreadable(.pem(good, bad))?.message.contains("\"\(bad)\"") == true)
        }
        #expect(await unreadable(.pem(bytes: []))?.message.contains("PEM bytes") == true)
    }

    @Test func noAnchorsAtAllAreAnError() async throws {
        #expect(await unreadable(.certificates([]))?.advice != nil)
    }

    @Test func anchorsThatCouldNotBeReadAreTriedAgain() async throws {
        let path = scratch.path + "/ca.pem"
        let evaluator = TrustEvaluator(.pem(path))
        await #expect(throws: MTLSError.self) { try await evaluator.prepare() }
        try root.writeRoot(to: scratch.path)
        try await evaluator.prepare()
    }

    @Test func judgingBeforePreparingIsRefused() throws {
        let evaluator = TrustEvaluator(.certificates([root.root]))
        let error = verdict(evaluator, try server().map(\.der))
        #expect(error?.code == .invariantViolated)
    }

    // MARK: Refusals

    @Test func aWrongNameListsTheRightOnes() async throws {
        let error = try await refusal(server("a.example", "*.b.example", "192.0.2.1"), name: "api.example")
        #expect(error?.code == .nameMismatch)
        for name in ["a.example", "*.b.example", "192.0.2.1"] { #expect(error?.message.contains(name) == true) }
    }

    @Test func manyNamesAreNotAllListed() async throws {
        let subject = LeafSubject.server(names: (0..<500).map { "host-\($0).example" })
        let error = try await refusal([root.issue(subject).certificate], name: "api.example")
        #expect(error?.message.contains("host-0.example") == true)
        #expect((error?.message.utf8.count ?? 0) < 1000)
        #expect(error?.message.contains("more") == true)
    }

    @Test func theCommonNameIsNoName() async throws {
        let error = try await refusal(
            server {
                $0.names = []; $0.commonName = "api.example"
            })
        #expect(error?.code == .nameMismatch)
        #expect(error?.message.contains("no subject alternative name") == true)
    }

    @Test func addressesAreMatchedAsAddresses() async throws {
        let chain = try server("127.0.0.1", "::1")
        #expect(try await refusal(chain, name: "127.0.0.1") == nil)
        #expect(try await refusal(chain, name: "::1") == nil)
        #expect(try await refusal(chain, name: "127.0.0.2")?.code == .nameMismatch)
    }

    @Test func anExpiredCertificateHasItsDate() async throws {
        let chain = try server(validity: .expired)
        let error = try await refusal(chain)
        #expect(error?.code == .certificateExpired)
        #expect(error?.message.contains(Calendar.text(try #require(chain.first).notAfter)) == true)
    }

    @Test func aCertificateOfTomorrowBlamesTheClock() async throws {
        let error = try await refusal(server(validity: .notYetValid))
        #expect(error?.code == .certificateNotYetValid)
        #expect(error?.advice?.contains("clock") == true)
    }

    @Test func anExpiredIntermediateIsTheOneThatIsNamed() async throws {
        let below = try root.intermediate(commonName: "Middle", validity: .expired)
        let error = try await refusal(server(by: below))
        #expect(error?.code == .certificateExpired)
        #expect(error?.message.contains("CN=Middle") == true)
    }

    @Test func anUnknownIssuerIsNamed() async throws {
        let stranger = try CertificateAuthority(commonName: "Stranger")
        let error = try await refusal(server(by: stranger))
        #expect(error?.code == .issuerUnknown)
        #expect(error?.message.contains("CN=Stranger") == true)
    }

    @Test func aClientsCertificateIsNotForServers() async throws {
        let error = try await refusal(server { $0.purposes = [KeyPurpose.clientAuth] })
        #expect(error?.code == .purposeMismatch)
    }

    @Test func aWeakKeyIsRefused() async throws {
        #expect(try await refusal(server(key: .rsa(bits: 1024)))?.code == .certificateWeak)
    }

    @Test func noCertificateIsRefused() async throws {
        let error = try await refusal([])
        #expect(error?.code == .certificateInvalid)
        #expect(error?.message.contains("sent no certificate") == true)
    }

    @Test(arguments: [[], [0x30], [0x30, 0x00], [UInt8](repeating: 0xFF, count: 100)])
    func malformedDERIsRefused(der: [UInt8]) async throws {
        let evaluator = TrustEvaluator(.certificates([root.root]))
        try await evaluator.prepare()
        let good = try server().map(\.der)
        for chain in [[der], good + [der], [der] + good] {
            #expect(verdict(evaluator, chain)?.code == .certificateMalformed)
        }
    }

    @Test func namesOfTheServerAreEscaped() async throws {
        let error = try await refusal(server("a\u{1B}[2J.example", "b\n.example"))
        #expect(error?.code == .nameMismatch)
        #expect(error?.description.unicodeScalars.contains { $0.value < 0x20 } == false)
    }

    @Test(arguments: [
        (Int64(0), "1970-01-01 00:00 UTC"), (1_709_210_096, "2024-02-29 12:34 UTC"), (-1, "1969-12-31 23:59 UTC"),
        (253_402_300_799, "9999-12-31 23:59 UTC"), (.max, "an unknown date"),
    ])
    func datesAreInUTC(seconds: Int64, text: String) {
        #expect(Calendar.text(seconds) == text)
    }
}

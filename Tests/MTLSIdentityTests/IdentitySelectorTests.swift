import DevPKI
import GnuTLS
import MTLSCore
import Testing

@testable import MTLSIdentity

/// A signer that claims some schemes and is never asked to sign.
final class ClaimingSigner: ExternalSigner {
    private struct Unused: Error {}
    private struct NoLane: SigningLane {
        func submit(_ job: @escaping @Sendable () -> Void) throws -> any LaneTicket { throw Unused() }
    }

    let publicKey: PublicKey
    private let schemes: Set<SignatureScheme>

    init(_ publicKey: PublicKey, _ schemes: Set<SignatureScheme>) {
        self.publicKey = publicKey
        self.schemes = schemes
    }

    var lane: any SigningLane { NoLane() }
    func supports(_ scheme: SignatureScheme) -> Bool { schemes.contains(scheme) }
    func sign(_ input: SigningInput) throws -> [UInt8] { throw Unused() }
}

/// Which identity is shown to a server.
@Suite struct IdentitySelectorTests {
    private let root: CertificateAuthority
    private let other: CertificateAuthority

    init() throws {
        root = try CertificateAuthority(commonName: "Root")
        other = try CertificateAuthority(commonName: "Other Root")
    }

    private func identity(
        _ name: String, by authority: CertificateAuthority, key: GnuTLS.KeyKind = .ecdsaP256,
        claiming schemes: Set<SignatureScheme>? = nil
    ) throws -> ClientIdentity {
        let issued = try authority.issueClient(commonName: name, key: key)
        let signer = schemes.map { ClaimingSigner(issued.certificate.publicKey, $0) }
        return ClientIdentity(
            certifiedKey: try CertifiedKey(
                chain: issued.chain, key: signer.map { .external($0) } ?? .software(issued.privateKey)),
            source: "test", isInToken: signer != nil)
    }

    private func request(
        issuers: [CertificateAuthority] = [], schemes: [SignatureScheme] = SignatureScheme.allCases,
        version: TLSVersion = .v1_3
    ) -> CertificateRequest {
        CertificateRequest(
            acceptedIssuers: issuers.map(\.certificate.rawSubject), schemes: schemes, version: version)
    }

    private func choose(_ candidates: [ClientIdentity], _ request: CertificateRequest) throws -> String? {
        try IdentitySelector.choose(candidates, for: request, peer: "api.example:443")?.subject
    }

    private func refusal(_ candidates: [ClientIdentity], _ request: CertificateRequest) -> MTLSError? {
        let error = #expect(throws: MTLSError.self) { try choose(candidates, request) }
        #expect(error?.code == .identityUnusable)
        #expect(error?.message.contains("api.example:443") == true)
        return error
    }

    @Test func withoutCandidatesNoneIsShown() throws {
        #expect(try choose([], request()) == nil)
    }

    @Test func theOnlyOneIsShownWhateverIssuersAreAccepted() throws {
        #expect(try choose([identity("alice", by: root)], request(issuers: [other])) == "CN=alice")
    }

    @Test func ofSeveralTheFirstWithAnAcceptedIssuerIsShown() throws {
        let candidates = try [
            identity("alice", by: root), identity("bob", by: other), identity("carol", by: other),
        ]
        #expect(try choose(candidates, request(issuers: [other])) == "CN=bob")
        #expect(try choose(candidates, request(issuers: [root, other])) == "CN=alice")
        #expect(try choose(candidates, request()) == "CN=alice")
    }

    @Test func theIssuerOfAnIntermediateCountsToo() throws {
        let below = try other.intermediate(commonName: "Middle").intermediate(commonName: "Low")
        let candidates = try [identity("alice", by: root), identity("bob", by: below)]
        #expect(try choose(candidates, request(issuers: [other])) == "CN=bob")
    }

    @Test func ofSeveralTheFirstWhoseKeyCanSignIsShown() throws {
        let candidates = try [identity("alice", by: root), identity("bob", by: root, key: .ed25519)]
        #expect(try choose(candidates, request(schemes: [.ed25519, .rsaPSSRSAESHA256])) == "CN=bob")
        #expect(try choose(candidates, request(schemes: [])) == "CN=alice")
    }

    @Test func theErrorSaysOfEachWhyNot() throws {
        let candidates = try [identity("alice", by: root), identity("bob", by: other, key: .ed25519)]
        let error = refusal(candidates, request(issuers: [other], schemes: [.ecdsaSECP256R1SHA256]))
        let message = error?.message ?? ""
        #expect(message.contains("\"CN=alice\" (test): none of its issuers"))
        #expect(message.contains("\"CN=bob\" (test): its key cannot sign"))
        #expect(message.contains("ecdsaSECP256R1SHA256"))
    }

    @Test func theOnlyOneIsNotShownWhenItCannotSign() throws {
        _ = refusal([try identity("alice", by: root)], request(schemes: [.ed25519]))
    }

    @Test func aKeyThatDoesOnlyPKCS1ServesTLS12AndNot13() throws {
        // RFC 8446 §4.2.3: these are for signatures in certificates, not for CertificateVerify.
        let old: Set<SignatureScheme> = [.rsaPKCS1SHA256, .rsaPKCS1SHA384, .rsaPKCS1SHA512]
        let candidate = try identity("alice", by: root, key: .rsa(bits: 2048), claiming: old)
        #expect(try choose([candidate], request(version: .v1_2)) == "CN=alice")
        let error = refusal([candidate], request(version: .v1_3))
        #expect(error?.message.contains("rsaPKCS1") == false)
    }

    @Test func inTLS13AnECDSASchemeIsForOneCurve() throws {
        let candidates = try [identity("alice", by: root), identity("bob", by: root, key: .ecdsaP384)]
        let only384 = request(schemes: [.ecdsaSECP384R1SHA384])
        #expect(try choose(candidates, only384) == "CN=bob")
        #expect(try choose(candidates, request(schemes: [.ecdsaSECP384R1SHA384], version: .v1_2)) == "CN=alice")
        _ = refusal([candidates[0]], only384)
    }
}

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
        claiming schemes: Set<SignatureScheme>? = nil, validity: Validity = .hours(24)
    ) throws -> ClientIdentity {
        try identity(authority.issueClient(commonName: name, key: key, validity: validity), claiming: schemes)
    }

    private func identity(
        _ issued: IssuedIdentity, claiming schemes: Set<SignatureScheme>? = nil
    ) throws -> ClientIdentity {
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

    private func refusal(
        _ candidates: [ClientIdentity], _ request: CertificateRequest, _ code: MTLSError.Code = .identityUnusable
    ) -> MTLSError? {
        let error = #expect(throws: MTLSError.self) { try choose(candidates, request) }
        #expect(error?.code == code)
        #expect(error?.message.contains("api.example:443") == true)
        return error
    }

    @Test func withoutCandidatesNoneIsShown() throws {
        #expect(try choose([], request()) == nil)
    }

    @Test func theOnlyOneIsShownWhateverIssuersAreAccepted() throws {
        #expect(try choose([identity("alice", by: root)], request(issuers: [other])) == "CN=alice")
    }

    @Test func ofSeveralTheOneWithAnAcceptedIssuerIsShown() throws {
        let candidates = try [identity("alice", by: root), identity("bob", by: other)]
        #expect(try choose(candidates, request(issuers: [other])) == "CN=bob")
        #expect(try choose(candidates, request(issuers: [root])) == "CN=alice")
    }

    @Test func betweenDifferentPeopleNobodyGuesses() throws {
        let candidates = try [
            identity("alice", by: root), identity("bob", by: other), identity("carol", by: other),
        ]
        let error = refusal(candidates, request(issuers: [other]), .identityAmbiguous)
        #expect(error?.message.contains("\"CN=bob\" (test): it fits") == true)
        #expect(error?.message.contains("\"CN=carol\" (test): it fits") == true)
        #expect(error?.message.contains("alice") == false)
        #expect(error?.message.contains("CN=Other Root") == true)
        _ = refusal(candidates, request(issuers: [root, other]), .identityAmbiguous)
        _ = refusal(candidates, request(), .identityAmbiguous)
    }

    @Test func theOneThatWasRenewedGivesWayToItsRenewal() throws {
        let old = try identity("alice", by: root, validity: .hours(1))
        let new = try identity("alice", by: root, validity: .hours(2))
        for candidates in [[old, new], [new, old], [old, new, old]] {
            #expect(try IdentitySelector.choose(candidates, for: request(), peer: "") === new)
            // Nobody else is configured: the server's list of issuers does not count.
            #expect(try IdentitySelector.choose(candidates, for: request(issuers: [other]), peer: "") === new)
        }
        let report = IdentitySelector.report([new, old], for: request())
        #expect(report.entries.map(\.verdict) == [.chosen, .renewed])
    }

    @Test func aRenewalThatIsNotValidYetIsNotShown() throws {
        let old = try identity("alice", by: root, validity: .hours(1))
        let new = try identity("alice", by: root, validity: .notYetValid)
        #expect(try IdentitySelector.choose([new, old], for: request(), peer: "") === old)
    }

    @Test func anotherIssuerOrKindOfKeyIsNoRenewal() throws {
        let alice = try identity("alice", by: root)
        _ = try refusal([alice, identity("alice", by: other)], request(), .identityAmbiguous)
        _ = try refusal([alice, identity("alice", by: root, key: .ecdsaP384)], request(), .identityAmbiguous)
    }

    @Test func otherAlternativeNamesAreOtherPeople() throws {
        func named(_ name: String) throws -> ClientIdentity {
            let subject = LeafSubject.server(names: [name], commonName: "service").with(purposes: [])
            return try identity(root.issue(subject))
        }
        _ = try refusal([named("a.example"), named("b.example")], request(), .identityAmbiguous)
        #expect(try choose([named("a.example"), named("a.example")], request()) == "CN=service")
    }

    @Test(arguments: [
        (Validity.expired, MTLSError.Code.identityExpired, "expired on"),
        (.notYetValid, .identityNotYetValid, "not valid before"),
    ])
    func anOnlyOneOutsideItsDatesIsAnErrorThatSaysSo(
        validity: Validity, code: MTLSError.Code, reason: String
    ) throws {
        let error = try refusal([identity("alice", by: root, validity: validity)], request(), code)
        #expect(error?.message.contains("\"CN=alice\" (test)") == true)
        #expect(error?.message.contains(reason) == true)
    }

    @Test func datesCountToTheSecond() throws {
        let alice = try identity("alice", by: root)
        let leaf = try #require(alice.chain.first)
        for (now, fits) in [
            (leaf.notBefore - 1, false), (leaf.notBefore, true), (leaf.notAfter, true), (leaf.notAfter + 1, false),
        ] {
            #expect((IdentitySelector.report([alice], for: request(), now: now).chosen != nil) == fits)
        }
    }

    @Test(arguments: [
        ([KeyPurpose.serverAuth], false), ([], true), ([KeyPurpose.any], true),
        ([KeyPurpose.serverAuth, KeyPurpose.clientAuth], true),
    ])
    func theExtendedKeyUsageMustAllowClients(purposes: [String], fits: Bool) throws {
        let issued = try root.issue(.client(commonName: "alice").with(purposes: purposes))
        if fits {
            #expect(try choose([identity(issued)], request()) == "CN=alice")
        } else {
            let error = try refusal([identity(issued)], request(), .identityPurpose)
            #expect(error?.message.contains("clientAuth") == true)
        }
    }

    @Test func theKeyUsageMustAllowSignatures() throws {
        let key = try PrivateKey.generate(.ecdsaP256)
        var builder = CertificateBuilder(subject: [.commonName("alice")], publicKey: key.publicKey)
        func identity(_ usage: KeyUsage?) throws -> ClientIdentity {
            builder.keyUsage = usage
            let leaf = try builder.sign(issuer: nil, key: key)
            return ClientIdentity(
                certifiedKey: try CertifiedKey(chain: [leaf], key: .software(key)), source: "test", isInToken: false)
        }
        #expect(try choose([identity(nil)], request()) == "CN=alice")
        #expect(try choose([identity([.digitalSignature, .keyAgreement])], request()) == "CN=alice")
        let error = try refusal([identity(.keyAgreement)], request(), .identityPurpose)
        #expect(error?.message.contains("digitalSignature") == true)
    }

    @Test func theReportSaysOfEachWhatBecomesOfIt() throws {
        let candidates = try [
            identity("alice", by: root), identity("bob", by: other), identity("carol", by: other, validity: .expired),
            identity("dave", by: other, key: .ed25519),
        ]
        let report = IdentitySelector.report(
            candidates, for: request(issuers: [other], schemes: [.ecdsaSECP256R1SHA256]))
        #expect(
            report.entries.map(\.verdict) == [
                .issuerNotAccepted, .chosen, .expired, .keyCannotSign(accepted: [.ecdsaSECP256R1SHA256]),
            ])
        #expect(report.chosen === candidates[1])
        #expect(report.entries[2].reason.hasPrefix("its certificate expired on 2"))
    }

    @Test func theIssuerOfAnIntermediateCountsToo() throws {
        let below = try other.intermediate(commonName: "Middle").intermediate(commonName: "Low")
        let candidates = try [identity("alice", by: root), identity("bob", by: below)]
        #expect(try choose(candidates, request(issuers: [other])) == "CN=bob")
    }

    @Test func ofSeveralTheOneWhoseKeyCanSignIsShown() throws {
        let candidates = try [identity("alice", by: root), identity("bob", by: root, key: .ed25519)]
        #expect(try choose(candidates, request(schemes: [.ed25519, .rsaPSSRSAESHA256])) == "CN=bob")
        _ = refusal(candidates, request(schemes: []), .identityAmbiguous)
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
        #expect(try choose([candidates[0]], request(schemes: [.ecdsaSECP384R1SHA384], version: .v1_2)) == "CN=alice")
        _ = refusal([candidates[0]], only384)
    }
}

import Glibc
import GnuTLS
import Testing

struct TrustListTests {
    private let root: TestAuthority
    private let intermediate: TestAuthority
    private let trust: TrustList

    init() throws {
        root = try TestAuthority("Test Root")
        intermediate = try TestAuthority("Test Intermediate", below: root)
        trust = try TrustList(anchors: [root.certificate])
    }

    private func path(_ outcome: VerificationOutcome) -> [Certificate]? {
        if case .trusted(let path) = outcome { path } else { nil }
    }

    private func refusal(_ outcome: VerificationOutcome) -> PathFault? {
        if case .refused(let refusal) = outcome { refusal } else { nil }
    }

    private func isPurpose(_ fault: PathFault) -> Bool { if case .purpose = fault.reason { true } else { false } }

    private func isWeakness(_ fault: PathFault) -> Bool { if case .weak = fault.reason { true } else { false } }

    @Test func aGoodChainShowsItsPath() throws {
        let leaf = try intermediate.leaf()
        let outcome = try trust.verify(chain: [leaf, intermediate.certificate], purpose: KeyPurpose.serverAuth)
        #expect(path(outcome) == [leaf, intermediate.certificate, root.certificate])
    }

    @Test func theOrderOfTheIntermediatesDoesNotMatter() throws {
        let third = try TestAuthority("Third", below: intermediate)
        let leaf = try third.leaf()
        let expected = [leaf, third.certificate, intermediate.certificate, root.certificate]
        let stranger = try TestAuthority("Stranger").certificate
        for rest in [
            [third, intermediate], [intermediate, third], [root, intermediate, third], [intermediate, root, third],
        ] {
            let chain = [leaf] + rest.map(\.certificate)
            #expect(path(try trust.verify(chain: chain)) == expected)
        }
        #expect(path(try trust.verify(chain: expected.dropLast() + [stranger])) == expected)
    }

    @Test func anIntermediateMayBeTheAnchor() throws {
        let leaf = try intermediate.leaf()
        let trust = try TrustList(anchors: [intermediate.certificate])
        #expect(path(try trust.verify(chain: [leaf])) == [leaf, intermediate.certificate])
        #expect(path(try trust.verify(chain: [leaf, intermediate.certificate])) == [leaf, intermediate.certificate])
    }

    @Test func aLeafThatIsTheAnchorIsTrustedForItselfAlone() throws {
        let leaf = try intermediate.leaf()
        let trust = try TrustList(anchors: [leaf])
        #expect(path(try trust.verify(chain: [leaf])) == [leaf])
        #expect(path(try trust.verify(chain: [leaf, intermediate.certificate])) == [leaf])
        #expect(path(try trust.verify(chain: [try intermediate.leaf(), intermediate.certificate])) == nil)
        let wrong = try trust.verify(chain: [leaf], purpose: KeyPurpose.clientAuth)
        #expect(refusal(wrong).map(isPurpose) == true)
    }

    @Test func anUnknownIssuerIsNamed() throws {
        let stranger = try TestAuthority("Stranger")
        let leaf = try stranger.leaf("leaf of a stranger")
        let refusal = try #require(refusal(try trust.verify(chain: [leaf])))
        #expect(refusal.reason == .issuerUnknown)
        #expect(refusal.certificate == leaf)
        #expect(refusal.text == "certificate \"CN=leaf of a stranger\": its issuer is unknown (issuer \"CN=Stranger\")")
        #expect(
            self.refusal(try trust.verify(chain: [leaf, stranger.certificate]))?.reason
                == .issuerUnknown)
    }

    @Test func anIssuerOfTheSameNameIsNotEnough() throws {
        let impostor = try TestAuthority("Test Root")
        let refusal = try #require(refusal(try trust.verify(chain: [try impostor.leaf()])))
        #expect(refusal.reason == .issuerUnknown)
    }

    @Test func aMissingIntermediateIsAnUnknownIssuer() throws {
        let leaf = try intermediate.leaf()
        let refusal = try #require(refusal(try trust.verify(chain: [leaf])))
        #expect(refusal.reason == .issuerUnknown)
        #expect(refusal.certificate == leaf)
    }

    @Test func whatHasExpiredIsRefused() throws {
        let leaf = try intermediate.leaf {
            $0.notBefore -= 86_400
            $0.notAfter = $0.notBefore + 3600
        }
        let refusal = try #require(refusal(try trust.verify(chain: [leaf, intermediate.certificate])))
        #expect(refusal.reason == .expired(leaf.notAfter))
        #expect(refusal.certificate == leaf)
        #expect(refusal.text.contains("it has expired"))
    }

    @Test func whatIsNotValidYetIsRefused() throws {
        let leaf = try intermediate.leaf { $0.notBefore = $0.notAfter - 60 }
        let refusal = try #require(refusal(try trust.verify(chain: [leaf, intermediate.certificate])))
        #expect(refusal.reason == .notYetValid(leaf.notBefore))
        #expect(refusal.certificate == leaf)
    }

    @Test func expiredAuthoritiesAreRefused() throws {
        func expire(_ builder: inout CertificateBuilder) {
            builder.notBefore -= 86_400
            builder.notAfter = builder.notBefore + 3600
        }
        let middle = try TestAuthority("Old Intermediate", below: root, edit: expire)
        let refusal = try #require(refusal(try trust.verify(chain: [try middle.leaf(), middle.certificate])))
        #expect(refusal.reason == .expired(middle.certificate.notAfter))
        #expect(refusal.certificate == middle.certificate)
        let old = try TestAuthority("Old Root", edit: expire)
        let outcome = try TrustList(anchors: [old.certificate]).verify(chain: [try old.leaf()])
        #expect(self.refusal(outcome)?.reason == .expired(old.certificate.notAfter))
    }

    @Test func theWrongPurposeIsRefused() throws {
        let leaf = try intermediate.leaf { $0.extendedKeyUsages = [KeyPurpose.clientAuth] }
        let chain = [leaf, intermediate.certificate]
        let refusal = try #require(refusal(try trust.verify(chain: chain, purpose: KeyPurpose.serverAuth)))
        #expect(isPurpose(refusal))
        #expect(refusal.certificate == leaf)
        #expect(path(try trust.verify(chain: chain, purpose: KeyPurpose.clientAuth)) != nil)
        #expect(path(try trust.verify(chain: chain)) != nil)
    }

    @Test func aLeafWithoutPurposesIsForAll() throws {
        let leaf = try root.leaf { $0.extendedKeyUsages = [] }
        #expect(path(try trust.verify(chain: [leaf], purpose: KeyPurpose.serverAuth)) != nil)
    }

    @Test func anIntermediateForAnotherPurposeIsRefused() throws {
        let middle = try TestAuthority("Clients only", below: root) { $0.extendedKeyUsages = [KeyPurpose.clientAuth] }
        let chain = [try middle.leaf(), middle.certificate]
        let refusal = try #require(refusal(try trust.verify(chain: chain, purpose: KeyPurpose.serverAuth)))
        #expect(isPurpose(refusal))
        #expect(refusal.certificate == middle.certificate)
    }

    @Test func weakKeysAreRefused() throws {
        let weak = try SlowKeys.key(.rsa(bits: 1024))
        let leaf = try CertificateBuilder(subject: [.commonName("weak")], publicKey: weak.publicKey)
            .sign(issuer: root.certificate, key: root.key)
        let refusal = try #require(refusal(try trust.verify(chain: [leaf])))
        #expect(isWeakness(refusal))
        #expect(refusal.certificate == leaf)
        var builder = CertificateBuilder(subject: [.commonName("weak root")], publicKey: weak.publicKey)
        builder.isCA = true
        let weakRoot = try builder.sign(issuer: nil, key: weak)
        let below = try CertificateBuilder(subject: [.commonName("leaf")], publicKey: root.key.publicKey)
            .sign(issuer: weakRoot, key: weak)
        let outcome = try TrustList(anchors: [weakRoot]).verify(chain: [below])
        #expect(self.refusal(outcome).map(isWeakness) == true)
    }

    @Test func signaturesWithSHA1AreRefused() throws {
        let leaf = try root.leaf { $0.usesSHA1 = true }
        #expect(leaf.signatureAlgorithm == "ECDSA-SHA1")
        let refusal = try #require(refusal(try trust.verify(chain: [leaf])))
        #expect(isWeakness(refusal))
    }

    @Test func aLeafSignsNothing() throws {
        let key = try PrivateKey.generate(.ecdsaP256)
        let leaf = try CertificateBuilder(subject: [.commonName("leaf")], publicKey: key.publicKey)
            .sign(issuer: root.certificate, key: root.key)
        let forged = try CertificateBuilder(subject: [.commonName("forged")], publicKey: key.publicKey)
            .sign(issuer: leaf, key: key)
        let refusal = try #require(refusal(try trust.verify(chain: [forged, leaf])))
        if case .notAuthority = refusal.reason {} else { Issue.record("\(refusal.text)") }
        #expect(refusal.certificate == leaf)
    }

    @Test func thePathLengthBinds() throws {
        let short = try TestAuthority("Short", below: root) { $0.pathLength = 0 }
        let tooDeep = try TestAuthority("Too deep", below: short)
        let chain = [try tooDeep.leaf(), tooDeep.certificate, short.certificate]
        #expect(refusal(try trust.verify(chain: chain)) != nil)
        let direct = try short.leaf()
        #expect(path(try trust.verify(chain: [direct, short.certificate])) != nil)
    }

    @Test func anEmptyChainIsAnError() throws {
        #expect(throws: GnuTLSError.self) { try trust.verify(chain: []) }
    }

    @Test func anEmptyListTrustsNobody() throws {
        let trust = try TrustList(anchors: [])
        #expect(trust.anchorCount == 0)
        #expect(refusal(try trust.verify(chain: [root.certificate]))?.reason == .issuerUnknown)
    }

    @Test func longAndRepetitiveChainsAreHandled() throws {
        let leaf = try intermediate.leaf()
        let many = Array(repeating: intermediate.certificate, count: 100)
        #expect(path(try trust.verify(chain: [leaf, leaf] + many))?.last == root.certificate)
        var authority = root
        var chain: [Certificate] = []
        for level in 0..<30 {
            authority = try TestAuthority("Level \(level)", .ed25519, below: authority)
            chain.insert(authority.certificate, at: 0)
        }
        chain.insert(try authority.leaf(), at: 0)
        #expect(path(try trust.verify(chain: chain)) == chain + [root.certificate])
    }

    @Test func anchorsAreCountedOnce() throws {
        #expect(
            try TrustList(anchors: [root.certificate, root.certificate, intermediate.certificate]).anchorCount == 2)
    }

    @Test(.enabled(if: access("/etc/ssl/certs/ca-certificates.crt", R_OK) == 0))
    func theSystemsAnchorsAreAdded() throws {
        let trust = try TrustList(anchors: [root.certificate], includingSystem: true)
        #expect(trust.anchorCount > 10)
        #expect(path(try trust.verify(chain: [try root.leaf()])) != nil)
    }

    @Test func whatAListRevokesIsRefused() throws {
        let good = try root.leaf("good")
        let bad = try root.leaf("bad")
        let now = Int64(time(nil))
        let list = try RevocationList.sign(
            revoked: [bad], issuer: root.certificate, key: root.key, thisUpdate: now - 60, nextUpdate: now + 3600)
        #expect(try RevocationList.all(pem: list.pemEncoded) == [list])
        #expect(list.issuer == "CN=Test Root" && list.nextUpdate == now + 3600)
        let trust = try TrustList(anchors: [root.certificate], revocationLists: [list])
        #expect(path(try trust.verify(chain: [good])) != nil)
        let refusal = try #require(refusal(try trust.verify(chain: [bad])))
        guard case .revoked(let revocation) = refusal.reason else {
            Issue.record("\(refusal.text)")
            return
        }
        #expect(revocation.date == now - 60)
        #expect(refusal.certificate == bad)
    }

    @Test func manyTasksVerifyAtOnceWithoutMixingTheirPaths() async throws {
        let chains = try (0..<8).map { [try intermediate.leaf("leaf \($0)"), intermediate.certificate] }
        let stranger = [try TestAuthority("Stranger").leaf()]
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for round in 0..<200 {
                group.addTask { [trust, root] in
                    let chain = round % 9 == 8 ? stranger : chains[round % 9]
                    switch try trust.verify(chain: chain, purpose: KeyPurpose.serverAuth) {
                    case .trusted(let path): return path == chain + [root.certificate]
                    case .refused(let refusal): return round % 9 == 8 && refusal.certificate == stranger[0]
                    }
                }
            }
            for try await isRight in group { #expect(isRight) }
        }
    }
}

import DevPKI
import GnuTLS
import Testing

@testable import MTLSIdentity

/// The issuers that are sent with a token's certificate.
@Suite struct CertificateSearchTests {
    private func names(_ leaf: Certificate, _ others: [Certificate]) -> [String] {
        CertificateSearch.chain(of: leaf, among: others).map(\.subject)
    }

    @Test func issuersAreFoundInAnyOrderAndTheRootIsLeftOut() throws {
        let root = try CertificateAuthority(commonName: "Root")
        let middle = try root.intermediate(commonName: "Middle")
        let low = try middle.intermediate(commonName: "Low")
        let leaf = try low.issueClient(commonName: "alice").certificate
        let stranger = try root.issueClient(commonName: "bob").certificate
        let others = [root.certificate, leaf, middle.certificate, stranger, low.certificate]
        #expect(names(leaf, others) == ["CN=alice", "CN=Low", "CN=Middle"])
        #expect(names(leaf, others.reversed()) == ["CN=alice", "CN=Low", "CN=Middle"])
    }

    @Test func aGapEndsTheChain() throws {
        let root = try CertificateAuthority(commonName: "Root")
        let middle = try root.intermediate(commonName: "Middle")
        let low = try middle.intermediate(commonName: "Low")
        let leaf = try low.issueClient(commonName: "alice").certificate
        #expect(names(leaf, [middle.certificate]) == ["CN=alice"])
        #expect(names(leaf, [low.certificate]) == ["CN=alice", "CN=Low"])
        #expect(names(leaf, []) == ["CN=alice"])
    }

    @Test func aSelfSignedLeafStandsAlone() throws {
        let root = try CertificateAuthority(commonName: "Root")
        #expect(names(root.certificate, [root.certificate]) == ["CN=Root"])
    }

    @Test func whatIsNoAuthorityIssuesNothing() throws {
        let root = try CertificateAuthority(commonName: "Root")
        let middle = try root.intermediate(commonName: "Middle")
        let namesake = try root.issueClient(commonName: "Middle").certificate
        let leaf = try middle.issueClient(commonName: "alice").certificate
        #expect(names(leaf, [namesake]) == ["CN=alice"])
        #expect(names(leaf, [namesake, middle.certificate]) == ["CN=alice", "CN=Middle"])
    }

    @Test func ofTwoAuthoritiesWithOneNameTheOneThatSignedIsChosen() throws {
        let root = try CertificateAuthority(commonName: "Root")
        let old = try root.intermediate(commonName: "Middle")
        let renewed = try root.intermediate(commonName: "Middle")
        let leaf = try renewed.issueClient(commonName: "alice").certificate
        for others in [[old.certificate, renewed.certificate], [renewed.certificate, old.certificate]] {
            #expect(CertificateSearch.chain(of: leaf, among: others) == [leaf, renewed.certificate])
        }
        #expect(CertificateSearch.chain(of: leaf, among: [old.certificate]) == [leaf])
    }

    @Test func authoritiesThatSignEachOtherEndTheSearch() throws {
        let key = try PrivateKey.generate(.ecdsaP256)
        func authority(_ name: String, by issuer: String) throws -> Certificate {
            var builder = CertificateBuilder(subject: [.commonName(issuer)], publicKey: key.publicKey)
            builder.isCA = true
            let above = try builder.sign(issuer: nil, key: key)
            builder.subject = [.commonName(name)]
            return try builder.sign(issuer: above, key: key)
        }
        let circle = try [authority("A", by: "B"), authority("B", by: "A")]
        #expect(names(circle[0], circle) == ["CN=A", "CN=B"])
    }
}

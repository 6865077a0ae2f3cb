import Glibc
import Testing

@testable import GnuTLS

/// What is remembered of a chain that was good, and what is asked each time all the same.
struct KnownPathsTests {
    private let root: TestAuthority
    private let leaf: Certificate
    private let trust: TrustList

    init() throws {
        root = try TestAuthority("Test Root")
        leaf = try root.leaf()
        trust = try TrustList(anchors: [root.certificate])
    }

    private func isTrusted(_ chain: [Certificate], at time: Int64, purpose: String? = nil) throws -> Bool {
        switch try trust.verify(chain: chain, policy: PathPolicy(time: time, purpose: purpose)) {
        case .trusted: true
        case .refused: false
        }
    }

    @Test func aKnownChainIsRefusedOutsideItsDates() throws {
        let now = Int64(time(nil))
        for _ in 0..<2 {
            #expect(try isTrusted([leaf], at: now))
            #expect(try isTrusted([leaf], at: leaf.notBefore))
            #expect(try isTrusted([leaf], at: leaf.notAfter))
            #expect(try !isTrusted([leaf], at: leaf.notAfter + 1))
            #expect(try !isTrusted([leaf], at: leaf.notBefore - 1))
        }
    }

    @Test func aKnownChainIsKnownForOnePurposeAlone() throws {
        let now = Int64(time(nil))
        #expect(try isTrusted([leaf], at: now, purpose: KeyPurpose.serverAuth))
        #expect(try !isTrusted([leaf], at: now, purpose: "1.3.6.1.5.5.7.3.3"))
    }

    @Test func theSameNamesWithAnotherSignatureAreNotKnown() throws {
        let now = Int64(time(nil))
        #expect(try isTrusted([leaf], at: now))
        var forged = leaf.der
        forged[forged.count - 1] ^= 1
        #expect(try !isTrusted([Certificate(der: forged)], at: now))
        #expect(try !isTrusted([TestAuthority("Test Root").leaf()], at: now))
    }

    @Test func aCertificateThatIsShownAgainIsNotReadAgain() throws {
        let known = KnownCertificates()
        let first = try known.certificate(der: leaf.der)
        #expect(try known.certificate(der: Array(leaf.der)) === first)
        #expect(try known.certificate(der: root.certificate.der) == root.certificate)
        #expect(throws: GnuTLSError.self) { try known.certificate(der: [0x30, 0]) }
    }

    @Test func onlyShortChainsAreKept() throws {
        let known = KnownPaths()
        func isKept(_ chain: [Certificate]) -> Bool {
            let question = KnownPaths.Question(chain: chain, purpose: nil, depth: 8)
            known.remember([], for: question)
            return known.path(for: question) != nil
        }
        #expect(isKept([leaf]))
        #expect(isKept([leaf] + Array(repeating: root.certificate, count: 7)))
        #expect(!isKept([leaf] + Array(repeating: root.certificate, count: 8)))
    }
}

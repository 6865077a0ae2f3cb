import DevPKI
import Glibc
import GnuTLS
import MTLSCore
import SecretMemory
import Testing

@testable import MTLSIdentity

/// What was good, or was revoked, with a bit turned over or an end cut off.
@Suite struct ChainMutationTests {
    private let root: ForgedParty
    private let middle: ForgedParty
    private let leaf: ForgedParty

    init() throws {
        root = try .root()
        middle = try root.authority("Middle")
        leaf = try middle.server()
    }

    private func isTrusted(
        _ chain: [[UInt8]], _ trust: Trust? = nil, staples: [[UInt8]] = []
    ) async throws -> Bool {
        let evaluator = TrustEvaluator(try trust ?? .certificates([Certificate(der: root.der)]))
        try await evaluator.prepare()
        let verdict = evaluator.verdict(
            on: PresentedChain(chain, staples: staples), for: .dns("api.example"), name: "api.example")
        return (try? verdict.get()) != nil
    }

    private func mutations(of bytes: [UInt8]) -> [[UInt8]] {
        let flipped = bytes.indices.map { index in
            var copy = bytes
            copy[index] ^= 1 << UInt8(index % 8)
            return copy
        }
        return flipped + stride(from: 0, to: bytes.count, by: 3).map { Array(bytes.prefix($0)) } + [bytes + [0]]
    }

    @Test func aLeafWithAnyBitTurnedIsRefused() async throws {
        #expect(try await isTrusted([leaf.der, middle.der]))
        for mutation in mutations(of: leaf.der) where try await isTrusted([mutation, middle.der]) {
            Issue.record("trusted: \(mutation)")
        }
    }

    @Test func anIntermediateWithAnyBitTurnedIsRefused() async throws {
        for mutation in mutations(of: middle.der) where try await isTrusted([leaf.der, mutation]) {
            Issue.record("trusted: \(mutation)")
        }
    }

    @Test func aListThatRevokesNeverBecomesOneThatDoesNot() async throws {
        var forge = RevocationForge(issuer: middle)
        forge.revoked = [(OCSPForge(about: try Certificate(der: leaf.der), issuer: middle).serial, [])]
        let anchors = Trust.certificates([try Certificate(der: middle.der)])
        for mutation in mutations(of: try forge.signed(by: middle.key)) {
            let trust = anchors.revocationLists(bytes: mutation, policy: .required)
            if (try? await isTrusted([leaf.der], trust)) == true { Issue.record("trusted: \(mutation)") }
        }
    }

    @Test func aStapleThatRevokesNeverBecomesOneThatDoesNot() async throws {
        var forge = OCSPForge(about: try Certificate(der: leaf.der), issuer: middle)
        forge.status = .revoked
        let trust = Trust.certificates([try Certificate(der: root.der)]).ocsp(.required)
        for mutation in mutations(of: try forge.signed(by: middle)) {
            if try await isTrusted([leaf.der, middle.der], trust, staples: [mutation]) {
                Issue.record("trusted: \(mutation)")
            }
        }
    }

    @Test(.enabled(if: access("/etc/ssl/certs/ca-certificates.crt", R_OK) == 0))
    func everyAnchorOfTheSystemIsTrustedForItself() async throws {
        let file = try SmallFile.read("/etc/ssl/certs/ca-certificates.crt", limit: 16 << 20)
        let anchors = try file.withUnsafeBytes { try Certificate.all($0) }
        let list = try TrustList(anchors: anchors)
        for anchor in anchors {
            // At a time when it was valid.
            let policy = PathPolicy(time: anchor.notBefore + 86_400)
            if case .refused(let fault) = try list.verify(chain: [anchor], policy: policy) {
                Issue.record("\(fault.text)")
            }
        }
    }
}

import ChainCases
import DevPKI
import GnuTLS
import MTLSCore
import Testing

@testable import MTLSIdentity

/// The evaluator, held against many chains.
@Suite struct ChainTests {
    @Test(arguments: ChainCase.all)
    func everyChainGetsItsVerdict(chain: ChainCase) async throws {
        let input = try chain.make()
        let evaluator = TrustEvaluator(try input.trust())
        try await evaluator.prepare()
        let verdict = evaluator.verdict(
            on: PresentedChain(input.chain, staples: input.staple.map { [$0] } ?? []),
            for: ServerName(input.host), name: input.host,
            at: input.offset.map { secondsSince1970() + $0 })
        switch verdict {
        case .success(let path):
            #expect(chain.code == nil)
            #expect(path.first?.der == input.leaf.der)
            #expect(input.anchors.contains { $0.der == path.last?.der })
        case .failure(let error):
            #expect(error.code == chain.code, "\(error)")
            #expect(error.phase == .verify && error.fault == .peer)
            #expect(error.message.contains(input.host))
        }
    }

    @Test func thereAreEnoughChains() {
        #expect(ChainCase.all.count >= 60)
        #expect(Set(ChainCase.all.map(\.description)).count == ChainCase.all.count)
    }
}

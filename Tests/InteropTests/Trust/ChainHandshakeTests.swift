import ChainCases
import DevPKI
import GnuTLS
import MTLSClient
import MTLSTestKit
import Testing

/// Chains in real handshakes.
@Suite struct ChainHandshakeTests {
    /// Those that a server of GnuTLS shows, today, and whose verdict rests on the chain alone.
    private static var sample: [ChainCase] {
        (ChainCase.paths + ChainCase.dates + ChainCase.authorities + ChainCase.purposes + ChainCase.constraints)
            .enumerated().filter { $0.offset % 3 == 0 }.map(\.element)
    }

    @Test(arguments: sample)
    func theHandshakeComesToTheSameVerdict(chain: ChainCase) async throws {
        let input = try chain.make()
        guard input.offset == nil, let identity = try? input.leaf.identity(below: input.others, root: input.anchors[0])
        else { return }
        let server = try await MTLSServer(identity: identity, clients: .ignored)
        let client = try Client(
            server.url, trust: try input.trust(), tls: TLSSettings(serverName: input.host))
        do {
            #expect(try await client.get().status == .ok)
            #expect(chain.code == nil)
        } catch let error as MTLSError {
            // GnuTLS itself ends a handshake in which the key is used for what its certificate forbids.
            let isForKeyUsage = chain.code == .purposeMismatch && error.code == .handshakeFailed
            #expect(error.code == chain.code || isForKeyUsage, "\(error)")
        }
        await client.shutdown(graceful: false)
    }
}

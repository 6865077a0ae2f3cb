import GnuTLS
import MTLSCore
import NIOCore
import NIOEmbedded
import Testing

@testable import GnuTLSNIO

/// What is said of names and protocols in the hellos.
struct HandlerChecklistNameTests {
    private func heard(_ name: String?) throws -> (client: HandshakeSummary?, server: HandshakeSummary?) {
        var configuration = try Setup().client()
        configuration.serverName = name
        let loop = EmbeddedEventLoop()
        let client = try End(configuration, on: loop, active: true)
        let server = try End(Setup().server(), on: loop, active: true)
        for _ in 0..<3 {
            server.give(client.take())
            client.give(server.take())
        }
        for end in [client, server] { _ = try? end.channel.finish(acceptAlreadyClosed: true) }
        return (client.summary, server.summary)
    }

    @Test(arguments: ["localhost", "api.example.com", String(repeating: "a", count: 63) + ".example"])
    func aHostNameIsSent(_ name: String) throws {
        #expect(try heard(name).server?.requestedServerName == name)
    }

    @Test(
        arguments: [
            nil, "", "192.0.2.1", "2001:db8::1", "a\0b", "localhost\0.evil.example", "über.example",
            String(repeating: "a", count: 64), String(repeating: "a.", count: 200) + "example",
        ] as [String?])
    func whatIsNoHostNameIsNotSent(_ name: String?) throws {
        let summaries = try heard(name)
        #expect(summaries.client != nil && summaries.server != nil)
        #expect(summaries.server?.requestedServerName == nil)
    }

    @Test(arguments: TLSVersion.allCases)
    func withoutACommonProtocolNoneIsAnnounced(_ version: TLSVersion) throws {
        let pair = try BackToBack.connected(
            Setup(version: version, clientProtocols: ["http/1.1"], serverProtocols: ["h2"]))
        #expect(pair.client.recorder.events.first == .handshakeCompleted(nil))
    }

    @Test func theServerSeesThePreferenceOfTheClient() throws {
        let pair = try BackToBack.connected(
            Setup(clientProtocols: ["h2", "http/1.1"], serverProtocols: ["h2", "http/1.1"]))
        #expect(pair.server.summary?.applicationProtocol == "h2")
    }

    @Test func twoFullRecordsAreOneRead() throws {
        let pair = try BackToBack.connected()
        pair.server.channel.writeAndFlush(ByteBuffer(repeating: 65, count: 32_768), promise: nil)
        pair.interact()
        #expect(pair.client.recorder.events.suffix(2) == [.read("32768 bytes"), .readComplete])
    }
}

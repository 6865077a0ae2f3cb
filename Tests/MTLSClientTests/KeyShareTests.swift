import MTLSClient
import MTLSTestKit
import NIOCore
import Synchronization
import Testing

/// With a key for which group a hello comes (RFC 8446 §4.2.8): a wrong guess costs a second hello.
@Suite struct KeyShareTests {
    private final class HelloCounter: ChannelOutboundHandler, Sendable {
        typealias OutboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let counted = Atomic(0)
        var count: Int { counted.load(ordering: .relaxed) }

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            // A record of the handshake whose message is a ClientHello; a message of its own comes before the second.
            let bytes = unwrapOutboundIn(data).readableBytesView
            let isHello = [0, 6].contains { start in
                bytes.dropFirst(start).first == 22 && bytes.dropFirst(start + 5).first == 1
            }
            if isHello { counted.add(1, ordering: .relaxed) }
            context.write(data, promise: promise)
        }
    }

    private struct Counting: Connector {
        let hellos: HelloCounter

        func connect(to endpoint: Endpoint, context: ConnectContext) async throws -> Connection {
            let connection = try await TCPConnector().connect(to: endpoint, context: context)
            try await connection.channel.pipeline.addHandler(hellos).get()
            return connection
        }
    }

    @Test(arguments: [("NORMAL", 1, 1), ("NORMAL:-GROUP-ALL:+GROUP-SECP256R1", 2, 1)])
    func theGroupOfAServerIsLearned(priority: String, first: Int, later: Int) async throws {
        let world = try World()
        let server = try await world.server(.ignored, versions: .v1_3 ... .v1_3, priority: priority) { _ in
            .response(then: .close)
        }
        let hellos = HelloCounter()
        let connector = TLSConnector(
            trust: world.trust, settings: TLSSettings(resumption: .off), over: Counting(hellos: hellos))
        let client = try Client(server.url, connector: connector)
        for expected in [first, first + later, first + 2 * later] {
            _ = try await client.get()
            #expect(hellos.count == expected)
        }
        await client.shutdown()
    }
}

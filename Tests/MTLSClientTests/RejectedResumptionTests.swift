import DevPKI
import GnuTLS
import MTLSClient
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import GnuTLS
@testable import GnuTLSNIO

/// A server that resumes sessions, and has second thoughts when the request comes.
@Suite struct RejectedResumptionTests {
    private final class SecondThoughts: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let tls: GnuTLSHandler
        private let handshakes: Handshakes

        init(_ tls: GnuTLSHandler, _ handshakes: Handshakes) {
            self.tls = tls
            self.handshakes = handshakes
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard let session = tls.session else { return }
            handshakes.note(isResumed: session.isResumed)
            if session.isResumed {
                // Sends the alert bad_certificate.
                _ = session.abandon(TLSFailure(.refused(CancellationError())), 0)
                tls.flushTransport()
            } else {
                let response = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: response)), promise: nil)
            }
            context.close(promise: nil)
        }
    }

    private final class Handshakes: Sendable {
        private let all = Mutex<[Bool]>([])
        func note(isResumed: Bool) { all.withLock { $0.append(isResumed) } }
        var resumed: [Bool] { all.withLock { $0 } }
    }

    private static func server(_ world: World, _ handshakes: Handshakes) async throws -> any Channel {
        let identity = try world.authority.issue(.server(names: ["127.0.0.1"]))
        let key = try CertifiedKey(chain: identity.chain, key: .software(identity.privateKey))
        let options = TLSOptions(minimumVersion: .v1_3, applicationProtocols: ["http/1.1"], resumesSessions: true)
        let tls = try TLSContext(role: .server, options: options, acceptedIssuers: [world.authority.root])
        return try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    var configuration = HandshakeConfiguration(context: tls, peerName: "a client") { _, _ in
                        .success(())
                    }
                    configuration.clientCertificate = .required
                    configuration.choose = { _ in key }
                    let handler = GnuTLSHandler(
                        configuration: configuration, completion: channel.eventLoop.makePromise())
                    try channel.pipeline.syncOperations.addHandlers([handler, SecondThoughts(handler, handshakes)])
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    @Test func theRequestIsSentAgainAfterAFullHandshake() async throws {
        let (world, handshakes) = (try World(), Handshakes())
        let server = try await Self.server(world, handshakes)
        let client = try Client(
            "https://127.0.0.1:\(try #require(server.localAddress?.port))", identity: world.identity("alice"),
            trust: world.trust)
        #expect(try await client.get().status == .ok)
        let response = try await client.get()
        #expect(response.status == .ok)
        #expect(response.connection.handshake?.isResumed == false)
        // The second ticket of the first handshake was not tried.
        #expect(handshakes.resumed == [false, true, false])
        await client.shutdown()
        try await server.close()
    }

    @Test func whatIsNotIdempotentIsNotSentAgain() async throws {
        let (world, handshakes) = (try World(), Handshakes())
        let server = try await Self.server(world, handshakes)
        let client = try Client(
            "https://127.0.0.1:\(try #require(server.localAddress?.port))", identity: world.identity("alice"),
            trust: world.trust)
        #expect(try await client.get().status == .ok)
        await #expect { try await client.post("/", body: .none) } throws: { error in
            let error = error as? MTLSError
            return error?.code == .clientCertificateRejected && error?.message.contains("CN=alice") == true
        }
        #expect(handshakes.resumed == [false, true])
        await client.shutdown()
        try await server.close()
    }
}

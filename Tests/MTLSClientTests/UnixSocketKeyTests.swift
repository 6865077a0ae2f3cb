import DevPKI
import GnuTLS
import MTLSClient
import MTLSTestKit
import NIOCore
import NIOPosix
import Testing
import UnixSocketKey

/// The example of a signer in another process, with the signer's side in this one.
@Suite struct UnixSocketKeyTests {
    private final class Signer: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private let key: PrivateKey
        private var question = ByteBuffer()

        init(_ key: PrivateKey) { self.key = key }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            question.writeImmutableBuffer(unwrapInboundIn(data))
            guard let number: UInt16 = question.getInteger(at: 0), let length: UInt32 = question.getInteger(at: 2),
                question.readableBytes == 6 + Int(length), let scheme = SignatureScheme(rawValue: number),
                let bytes = question.getBytes(at: 6, length: Int(length))
            else { return }
            let signature = (try? key.sign(hash: bytes, scheme: scheme)) ?? []
            var answer = ByteBuffer(integer: UInt32(signature.count))
            answer.writeBytes(signature)
            context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
        }
    }

    @Test func aSignerBehindAUnixSocketSigns() async throws {
        let world = try World()
        let issued = try world.authority.issueClient(commonName: "alice")
        let path = "/tmp/mtls-signer-\(UInt64.random(in: 0 ... .max)).sock"
        let key = issued.privateKey
        let signer = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Signer(key)) }
            }
            .bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
        let server = try await world.server(.required)
        let identity = Identity.signing(
            UnixSocketKey(path: path, certificate: issued.certificate, schemes: [.ecdsaSECP256R1SHA256]),
            chain: issued.chain)
        let client = try Client(server.url, identity: identity, trust: world.trust)
        #expect(try await client.get().body.text(upTo: .kibibytes(1)) == "CN=alice")
        await client.shutdown()
        try await signer.close()
    }

    @Test func aSignerThatIsNotThereIsAnErrorOfTheToken() async throws {
        let world = try World()
        let issued = try world.authority.issueClient(commonName: "alice")
        let server = try await world.server(.required)
        let identity = Identity.signing(
            UnixSocketKey(
                path: "/tmp/nobody-listens.sock", certificate: issued.certificate, schemes: [.ecdsaSECP256R1SHA256]),
            chain: issued.chain)
        let client = try Client(server.url, identity: identity, trust: world.trust)
        await #expect { try await client.get() } throws: { ($0 as? MTLSError)?.fault == .token }
        #expect(server.requests.isEmpty)
        await client.shutdown()
    }
}

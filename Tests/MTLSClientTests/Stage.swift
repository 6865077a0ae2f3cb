import DevPKI
import GnuTLS
import MTLSClient
import MTLSTestKit
import NIOCore
import NIOPosix

/// A request that gets stuck in one phase.
final class Stage: Sendable {
    let client: Client
    private let phase: CancellationTests.Phase
    private let arrived = Gate()
    private let release = Gate()
    private let world: World
    private let server: MTLSServer
    private let held: [any Sendable]

    /// - Parameter limit: Of the phase; there are no other limits.
    init(_ phase: CancellationTests.Phase, limit: Duration? = nil) async throws {
        self.phase = phase
        let (arrived, release) = (arrived, release)
        world = try World()
        server = try await world.server(phase == .signature ? .required : .ignored) { request in
            arrived.open()
            if phase == .responseBody {
                return .raw("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", then: .keepAlive)
            }
            return .nothing(then: .keepAlive)
        }
        var settings = ClientSettings()
        settings.timeouts = Self.timeouts(phase, limit)
        settings.connectionLimit = phase == .queue ? 1 : 8
        let trust = world.trust
        var (url, identity, inner, held) = (
            server.url, Identity?.none, TCPConnector() as any Connector, [any Sendable]()
        )
        switch phase {
        case .resolve:
            url = "https://origin.example"
            inner = TCPConnector(resolver: DeafResolver(arrived: arrived, release: release))
        case .connect:
            let hole = try BlackHole("127.0.0.77")
            held = [hole]
            url = "https://127.0.0.77:\(hole.port)"
        case .proxy, .handshake:
            let silent = try await SilentServer(arrived)
            held = [silent]
            if phase == .handshake {
                url = silent.url.replacing("http:", with: "https:")
            } else {
                inner = try HTTPProxyConnector(Proxy(silent.url))
            }
        case .signature:
            let issued = try world.authority.issueClient(commonName: "alice")
            identity = .signing(
                DeafKey(publicKey: issued.certificate.publicKey, arrived: arrived, release: release),
                chain: issued.chain)
        case .requestBody:
            let silent = try await SilentServer(arrived)
            held = [silent]
            url = silent.url
        case .queue, .responseHead, .responseBody: break
        }
        let connector: any Connector =
            phase == .requestBody ? inner : TLSConnector(identity: identity, trust: trust, over: inner)
        client = try Client(url, connector: connector, settings: settings)
        self.held = held
        if phase == .queue {
            // It is to outlast every limit.
            let (client, occupied) = (client, server)
            Task {
                try await client.execute(
                    .init(method: .get, scheme: nil, authority: nil, path: "/"), timeouts: Timeouts(responseHead: nil))
            }
            await occupied.requests(atLeast: 1)
        }
    }

    private static func timeouts(_ phase: CancellationTests.Phase, _ limit: Duration?) -> Timeouts {
        var timeouts = Timeouts(
            wait: nil, connect: nil, handshake: nil, signature: nil, responseHead: nil, bodyChunk: nil, request: nil)
        switch phase {
        case .queue: timeouts.wait = limit
        case .resolve, .connect, .proxy: timeouts.connect = limit
        case .handshake: timeouts.handshake = limit
        case .signature: timeouts.signature = limit
        case .requestBody, .responseHead: timeouts.responseHead = limit
        case .responseBody: timeouts.bodyChunk = limit
        }
        return timeouts
    }

    func begin() -> Task<Void, any Error> {
        let body: RequestBody = phase == .requestBody ? .bytes([UInt8](repeating: 0, count: 64 << 20)) : .none
        return Task { [client] in
            let response = try await client.execute(
                .init(method: .put, scheme: nil, authority: nil, path: "/"), body: body)
            _ = try await response.body.collect(upTo: .kibibytes(1))
        }
    }

    /// The request is stuck.
    func reached() async {
        switch phase {
        case .queue: while await client.statistics.pending == 0 { await Task.yield() }
        case .connect: while await client.statistics.connecting == 0 { await Task.yield() }
        default: await arrived.wait()
        }
    }

    func end() { release.open() }
}

/// A key that does not answer.
private struct DeafKey: SigningKey {
    let publicKey: PublicKey
    let arrived: Gate
    let release: Gate
    var schemes: [SignatureScheme] { publicKey.schemes }

    func sign(_ input: KeyInput, scheme: SignatureScheme) async throws -> [UInt8] {
        arrived.open()
        await release.wait()
        throw CancellationError()
    }
}

/// A resolver that does not answer.
private struct DeafResolver: MTLSClient.Resolver {
    let arrived: Gate
    let release: Gate

    func addresses(of endpoint: Endpoint) async throws -> [IPAddress] {
        arrived.open()
        await release.wait()
        throw CancellationError()
    }
}

/// Reads once from each connection, and says nothing.
private final class SilentServer: Sendable {
    private let channel: any Channel
    /// Whoever does not read does not hear of the end.
    private let clients: Box<[any Channel]>
    var url: String { "http://127.0.0.1:\(channel.localAddress?.port ?? 0)" }

    init(_ arrived: Gate) async throws {
        let clients = Box<[any Channel]>([])
        self.clients = clients
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { channel in
                clients.value.append(channel)
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Listening(arrived))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    deinit {
        channel.close(promise: nil)
        for client in clients.value { client.close(promise: nil) }
    }

    private final class Listening: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let arrived: Gate

        init(_ arrived: Gate) { self.arrived = arrived }

        func channelActive(context: ChannelHandlerContext) { context.read() }
        func channelRead(context: ChannelHandlerContext, data: NIOAny) { arrived.open() }
    }
}

public import DevPKI
public import GnuTLS
import GnuTLSNIO
public import HTTPTypes
import MTLSClient
import NIOCore
import NIOPosix
import Synchronization

/// An HTTP proxy in this process that makes tunnels, or does what a test wants done to its clients.
///
/// ```swift
/// let proxy = try await TestProxy(identity: authority.issue(.server(names: ["127.0.0.1"])), clients: .required,
///     trusting: [authority.root])
/// let connector = try HTTPProxyConnector(Proxy(proxy.url), identity: identity, trust: trust)
/// ```
public final class TestProxy: Sendable {
    /// A request for a tunnel.
    public struct Request: Sendable {
        /// What is asked for, `host:port` after CONNECT.
        public let target: String
        /// The method, which should be CONNECT.
        public let method: String
        /// The header fields.
        public let headerFields: HTTPFields
        /// The certificate that the client showed.
        public let client: Certificate?
    }

    /// What is answered.
    public enum Answer: Sendable {
        /// A tunnel, to another port of the loopback address if one is given; the head goes before it.
        case tunnel(port: Int? = nil, head: String = "HTTP/1.1 200 Connection established\r\n\r\n")
        /// This text; then the connection is closed, or stays.
        case raw(String, closes: Bool = true)
    }

    /// The port on the loopback address.
    public let port: Int
    /// `http://127.0.0.1:port`, or `https`.
    public let url: String
    private let channel: any Channel
    private let log = Log()

    /// Starts a proxy on the loopback address 127.0.0.1.
    ///
    /// - Parameters:
    ///   - identity: What it shows; nil for a proxy without TLS.
    ///   - clients: What it asks of clients.
    ///   - trusting: The anchors for clients' certificates.
    ///   - versions: The versions of TLS that it accepts.
    ///   - respond: Answers requests, on the event loop.
    /// - Throws: `GnuTLSError` for what GnuTLS refuses, or an `IOError`.
    public init(
        identity: IssuedIdentity? = nil, clients: MTLSServer.Clients = .ignored, trusting anchors: [Certificate] = [],
        versions: ClosedRange<TLSVersion> = .v1_2 ... .v1_3,
        respond: @escaping @Sendable (Request) -> Answer = { _ in .tunnel() }
    ) async throws {
        let tls = try identity.map { identity in
            (
                context: try TLSContext(
                    role: .server,
                    options: TLSOptions(
                        minimumVersion: versions.lowerBound, maximumVersion: versions.upperBound,
                        applicationProtocols: ["http/1.1"]), acceptedIssuers: anchors),
                key: try CertifiedKey(chain: identity.chain, key: .software(identity.privateKey)),
                policy: ClientPolicy(clients: clients, trust: try TrustList(anchors: anchors))
            )
        }
        let log = log
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    log.state.withLock { $0.connections.append(channel) }
                    let handler = ProxyHandler(log: log, respond: respond)
                    if let tls {
                        let verdict = ClientVerdict()
                        var configuration = HandshakeConfiguration(context: tls.context, peerName: "a client") {
                            chain, _ in tls.policy.judge(chain, verdict)
                        }
                        configuration.clientCertificate = tls.policy.demand
                        configuration.choose = { _ in tls.key }
                        configuration.handshakeTimeout = .seconds(30)
                        let completion = channel.eventLoop.makePromise(of: HandshakeSummary.self)
                        let bound = NIOLoopBound(handler, eventLoop: channel.eventLoop)
                        completion.futureResult.whenSuccess { bound.value.client = $0.peerChain.first }
                        try channel.pipeline.syncOperations.addHandler(
                            GnuTLSHandler(configuration: configuration, completion: completion))
                    }
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
        url = "\(identity == nil ? "http" : "https")://127.0.0.1:\(port)"
    }

    /// The requests so far.
    public var requests: [Request] { log.state.withLock { $0.requests } }
    /// How many connections were accepted.
    public var connectionCount: Int { log.state.withLock { $0.connections.count } }

    /// Stops accepting, and closes all connections.
    public func shutdown() async {
        try? await channel.close().get()
        for channel in log.state.withLock({ $0.connections }) { channel.close(promise: nil) }
    }

    deinit {
        channel.close(promise: nil)
        for channel in log.state.withLock({ $0.connections }) { channel.close(promise: nil) }
    }

    fileprivate final class Log: Sendable {
        struct State {
            var connections: [any Channel] = []
            var requests: [Request] = []
        }

        let state = Mutex(State())
    }
}

/// Reads a head, answers, and from then on passes bytes to the other end.
private final class ProxyHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    var client: Certificate?
    private let log: TestProxy.Log
    private let respond: @Sendable (TestProxy.Request) -> TestProxy.Answer
    private var head: [UInt8]? = []
    private var other: (any Channel)?

    init(log: TestProxy.Log, respond: @escaping @Sendable (TestProxy.Request) -> TestProxy.Answer) {
        self.log = log
        self.respond = respond
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        guard var head else {
            other?.writeAndFlush(buffer, promise: nil)
            return
        }
        head += buffer.readableBytesView
        self.head = head
        guard head.suffix(4) == Array("\r\n\r\n".utf8)[...] else { return }
        self.head = nil
        answer(Self.request(String(decoding: head, as: UTF8.self), client), context)
    }

    private func answer(_ request: TestProxy.Request, _ context: ChannelHandlerContext) {
        log.state.withLock { $0.requests.append(request) }
        switch respond(request) {
        case .raw(let text, let closes):
            let channel = context.channel
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text))).whenComplete { _ in
                if closes { channel.close(promise: nil) }
            }
        case .tunnel(let port, let head):
            let parts = request.target.split(separator: ":")
            let port = port ?? Int(parts.last ?? "") ?? 0
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            ClientBootstrap(group: context.eventLoop)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(PassingHandler(to: bound.value.1.channel))
                    }
                }
                .connect(host: "127.0.0.1", port: port).whenComplete { result in
                    let (this, context) = bound.value
                    switch result {
                    case .success(let channel):
                        this.other = channel
                        context.writeAndFlush(this.wrapOutboundOut(ByteBuffer(string: head)), promise: nil)
                    case .failure:
                        let answer = ByteBuffer(string: "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
                        context.writeAndFlush(this.wrapOutboundOut(answer), promise: nil)
                    }
                }
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        other?.close(promise: nil)
        other = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private static func request(_ text: String, _ client: Certificate?) -> TestProxy.Request {
        let lines = text.split(separator: "\r\n")
        let words = (lines.first ?? "").split(separator: " ")
        var fields = HTTPFields()
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, let name = HTTPField.Name(String(parts[0])) else { continue }
            fields.append(HTTPField(name: name, value: String(parts[1].drop { $0 == " " })))
        }
        return TestProxy.Request(
            target: words.count > 1 ? String(words[1]) : "", method: words.first.map(String.init) ?? "",
            headerFields: fields, client: client)
    }
}

/// The other end's bytes, and its end.
private final class PassingHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let other: any Channel

    init(to other: any Channel) {
        self.other = other
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        other.writeAndFlush(unwrapInboundIn(data), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { other.close(promise: nil) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

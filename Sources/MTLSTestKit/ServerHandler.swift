import GnuTLSNIO
import HTTPTypes
import MTLSClient
import NIOCore
import NIOHTTP1
import Synchronization

import struct Glibc.linger

/// Collects requests, has them answered, and does to the connection what the answer says.
final class ServerHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let tls: GnuTLSHandler
    private let clients: MTLSServer.Clients
    private let verdict: ClientVerdict
    private let connection: Int
    private let journal: Journal
    private let respond: @Sendable (ServerRequest) async -> ServerAnswer
    private let handshake: EventLoopFuture<HandshakeSummary>
    private var summary: HandshakeSummary?
    private var head: HTTPRequestHead?
    private var body = ByteBuffer()
    private var count = 0
    private var waiting: [(HTTPRequestHead, ByteBuffer)] = []
    private var isAnswering = false

    init(
        tls: GnuTLSHandler, handshake: EventLoopFuture<HandshakeSummary>, clients: MTLSServer.Clients,
        verdict: ClientVerdict, connection: Int, journal: Journal,
        respond: @escaping @Sendable (ServerRequest) async -> ServerAnswer
    ) {
        self.tls = tls
        self.handshake = handshake
        self.clients = clients
        self.verdict = verdict
        self.connection = connection
        self.journal = journal
        self.respond = respond
    }

    func handlerAdded(context: ChannelHandlerContext) {
        handshake.assumeIsolated().whenSuccess { self.summary = $0 }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = ByteBuffer()
        case .body(let bytes):
            body.writeImmutableBuffer(bytes)
        case .end:
            guard let head else { return }
            self.head = nil
            waiting.append((head, body))
            answerNext(context)
        }
    }

    /// One request at a time, whatever the client sends ahead.
    private func answerNext(_ context: ChannelHandlerContext) {
        guard !isAnswering, !waiting.isEmpty else { return }
        let (head, body) = waiting.removeFirst()
        isAnswering = true
        guard clients == .requestedAfterHandshake, count == 0 else { return answer(head, body, context) }
        tls.requestCertificate(.requested).assumeIsolated().whenComplete { result in
            // A failure has closed the connection.
            guard case .success(let summary) = result else { return }
            self.summary = summary
            self.answer(head, body, context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func answer(_ head: HTTPRequestHead, _ body: ByteBuffer, _ context: ChannelHandlerContext) {
        guard let summary else { return context.close(promise: nil) }
        count += 1
        let request = request(head, body, summary)
        journal.record(request)
        let handler = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let loop = context.eventLoop
        Task { [respond] in
            let answer = await respond(request)
            let delay = TimeAmount.nanoseconds(
                answer.delay.components.seconds * 1_000_000_000
                    + answer.delay.components.attoseconds / 1_000_000_000)
            _ = loop.scheduleTask(in: delay) {
                let (this, context) = handler.value
                this.send(answer, to: request, context)
            }
        }
    }

    private func request(
        _ head: HTTPRequestHead, _ body: ByteBuffer, _ summary: HandshakeSummary
    ) -> ServerRequest {
        var fields = HTTPFields()
        for (name, value) in head.headers {
            if let name = HTTPField.Name(name) { fields.append(HTTPField(name: name, value: value)) }
        }
        let certificate = summary.peerChain.first
        let refusal = verdict.refusal.withLock { $0 }
        let reason: String? =
            clients == .ignored ? nil : certificate == nil ? "the client sent no certificate" : refusal
        return ServerRequest(
            method: HTTPRequest.Method(head.method.rawValue) ?? .get, path: head.uri, headerFields: fields,
            body: Bytes(body),
            client: ServerClient(
                certificate: certificate, authorized: certificate != nil && refusal == nil, reason: reason,
                version: summary.version, isResumed: summary.isResumed, serverName: summary.requestedServerName),
            connection: connection, number: count)
    }

    private func send(_ answer: ServerAnswer, to request: ServerRequest, _ context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        let written = context.eventLoop.makePromise(of: Void.self)
        switch answer.content {
        case .raw(let bytes):
            // Past the codec: it would not let this through.
            if let codec = try? context.pipeline.syncOperations.context(handler: tls) {
                tls.write(context: codec, data: NIOAny(ByteBuffer(bytes: bytes)), promise: written)
                tls.flush(context: codec)
            } else {
                written.succeed()
            }
        case .response(let response, let body):
            var headers = HTTPHeaders()
            for field in response.headerFields { headers.add(name: field.name.rawName, value: field.value) }
            if !headers.contains(name: "content-length"), response.status.code != 204, response.status.code != 304 {
                headers.add(name: "content-length", value: "\(body.count)")
            }
            if answer.ending == .close { headers.replaceOrAdd(name: "connection", value: "close") }
            let head = HTTPResponseHead(
                version: .http1_1, status: HTTPResponseStatus(statusCode: response.status.code), headers: headers)
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            if request.method != .head {
                context.write(wrapOutboundOut(.body(.byteBuffer(body.buffer))), promise: nil)
            }
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: written)
        }
        // What the kernel has not taken yet would be lost.
        written.futureResult.assumeIsolated().whenComplete { _ in self.finish(answer.ending, context) }
    }

    private func finish(_ ending: ServerAnswer.Ending, _ context: ChannelHandlerContext) {
        switch ending {
        case .keepAlive:
            isAnswering = false
            answerNext(context)
        case .close: context.close(promise: nil)
        case .cut:
            // From the TLS handler on, towards the socket: it does not get to say close_notify.
            (try? context.pipeline.syncOperations.context(handler: tls))?.close(promise: nil)
        case .reset:
            let linger = linger(l_onoff: 1, l_linger: 0)
            let below = try? context.pipeline.syncOperations.context(handler: tls)
            _ = (context.channel as? any SocketOptionProvider)?.setSoLinger(linger)
            below?.close(promise: nil)
        }
    }
}

@available(*, unavailable)
extension ServerHandler: Sendable {}

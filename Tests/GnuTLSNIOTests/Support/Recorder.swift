import GnuTLS
import GnuTLSNIO
import MTLSCore
import NIOCore
import NIOTLS

/// What arrives behind the TLS handler.
final class Recorder: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Event: Equatable {
        case active, inactive
        case read(String)
        case readComplete
        case handshakeCompleted(String?)
        case shutdownCompleted
        case truncated
        /// Another exchange is over; the subject of the client certificate that was shown.
        case laterExchange(String?)
        case error(String)
        case otherEvent(String)
    }

    private(set) var events: [Event] = []
    private(set) var errors: [any Error] = []
    private(set) var received = ByteBuffer()
    private(set) var context: ChannelHandlerContext?
    var onActive: (ChannelHandlerContext) -> Void = { _ in }
    var onRead: (ChannelHandlerContext) -> Void = { _ in }
    var onError: (ChannelHandlerContext) -> Void = { _ in }
    var onWritability: (ChannelHandlerContext) -> Void = { _ in }
    var onHandshake: (ChannelHandlerContext) -> Void = { _ in }

    var text: String { String(buffer: received) }
    var reads: Int { events.count { if case .read = $0 { true } else { false } } }
    var mtlsErrors: [MTLSError] { errors.compactMap { $0 as? MTLSError } }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelActive(context: ChannelHandlerContext) {
        events.append(.active)
        onActive(context)
    }

    func channelInactive(context: ChannelHandlerContext) { events.append(.inactive) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        events.append(.read(buffer.readableBytes > 64 ? "\(buffer.readableBytes) bytes" : String(buffer: buffer)))
        received.writeBuffer(&buffer)
        onRead(context)
    }

    func channelReadComplete(context: ChannelHandlerContext) { events.append(.readComplete) }

    func channelWritabilityChanged(context: ChannelHandlerContext) { onWritability(context) }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case TLSUserEvent.handshakeCompleted(let name):
            events.append(.handshakeCompleted(name))
            onHandshake(context)
        case TLSUserEvent.shutdownCompleted: events.append(.shutdownCompleted)
        case is TruncationEvent: events.append(.truncated)
        case let event as LaterExchangeEvent:
            events.append(.laterExchange(event.summary.clientCertificate?.subject))
        default: events.append(.otherEvent("\(event)"))
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        events.append(.error((error as? MTLSError)?.code.rawValue ?? "\(error)"))
        errors.append(error)
        onError(context)
    }
}

/// Stands between the TLS handler and the channel.
final class Below: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private(set) var reads = 0
    private(set) var writes = 0
    private(set) var flushes = 0
    private(set) var closes: [CloseMode] = []
    var onWrite: () -> Void = {}

    func read(context: ChannelHandlerContext) {
        reads += 1
        context.read()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        writes += 1
        context.write(data, promise: promise)
        onWrite()
    }

    func flush(context: ChannelHandlerContext) {
        flushes += 1
        context.flush()
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        closes.append(mode)
        // An embedded channel takes the closing of its output for that of everything.
        if mode == .output { promise?.succeed() } else { context.close(mode: mode, promise: promise) }
    }
}

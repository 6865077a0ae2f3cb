import GnuTLSNIO
import MTLSCore
import NIOCore
import NIOTLS
import SecretMemory

/// Negotiates a tunnel with a proxy, then leaves the pipeline.
///
///     negotiating ──▶ holding ──▶ left
///
/// It reads by itself. Bytes of the tunnel that came with the proxy's answer are held until a handler behind asks for
/// some: those are added after it.
final class TunnelHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum State {
        case negotiating
        /// The tunnel is there, and these bytes came from its other end.
        case holding([UInt8])
        case left
    }

    private var negotiation: any TunnelNegotiation
    private let credentials: SecretBytes
    private let limit: Duration?
    private let completion: EventLoopPromise<Void>
    private var state = State.negotiating
    private var timer: Scheduled<Void>?

    /// - Parameters:
    ///   - credentials: What is said where the negotiation says ``TunnelStep/sayCredentials``.
    ///   - limit: The time for the negotiation; nil for no limit.
    init(
        _ negotiation: any TunnelNegotiation, credentials: SecretBytes, limit: Duration?,
        completion: EventLoopPromise<Void>
    ) {
        self.negotiation = negotiation
        self.credentials = credentials
        self.limit = limit
        self.completion = completion
    }

    func handlerAdded(context: ChannelHandlerContext) {
        guard context.channel.isActive else { return fail(negotiation.ended(after: nil), context) }
        let loopBound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        timer = limit.map { limit in
            context.eventLoop.scheduleTask(in: TimeAmount(limit)) {
                let (this, context) = loopBound.value
                this.fail(this.negotiation.ended(after: limit), context)
            }
        }
        perform(negotiation.start(), context)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        if case .negotiating = state { completion.fail(negotiation.ended(after: nil)) }
        state = .left
    }

    // MARK: The negotiation

    private func perform(_ step: TunnelStep, _ context: ChannelHandlerContext) {
        switch step {
        case .say(let bytes): write(ByteBuffer(bytes: bytes), promise: nil, context)
        case .sayCredentials:
            let buffer = credentials.withUnsafeBytes { ByteBuffer(bytes: $0) }
            let written = context.eventLoop.makePromise(of: Void.self)
            write(buffer, promise: written, context)
            // Whoever wrote it has let go of it by then: it is wiped in place.
            written.futureResult.assumeIsolated().whenComplete { [buffer] _ in buffer.wiped() }
        case .listen: break
        case .open(let rest):
            timer?.cancel()
            state = rest.isEmpty ? .left : .holding(rest)
            if rest.isEmpty { context.pipeline.syncOperations.removeHandler(self, promise: nil) }
            completion.succeed()
        }
    }

    /// A read is outstanding before anything is written: when the write fails because the proxy is gone, what it said
    /// before, such as an alert about our certificate, is read yet.
    private func write(_ buffer: ByteBuffer, promise: EventLoopPromise<Void>?, _ context: ChannelHandlerContext) {
        context.read()
        context.writeAndFlush(wrapOutboundOut(buffer), promise: promise)
    }

    private func fail(_ error: any Error, _ context: ChannelHandlerContext) {
        guard case .negotiating = state else { return }
        state = .left
        timer?.cancel()
        completion.fail(error)
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch state {
        case .negotiating:
            do {
                perform(try negotiation.received(Array(unwrapInboundIn(data).readableBytesView)), context)
            } catch {
                fail(error, context)
            }
        case .holding(let bytes): state = .holding(bytes + unwrapInboundIn(data).readableBytesView)
        case .left: context.fireChannelRead(data)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        switch state {
        case .negotiating: context.read()
        case .holding: break
        case .left: context.fireChannelReadComplete()
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case ChannelEvent.inputClosed, TLSUserEvent.shutdownCompleted, is TruncationEvent:
            fail(negotiation.ended(after: nil), context)
        default: break
        }
        deliver(context)
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        fail(negotiation.ended(after: nil), context)
        deliver(context)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard case .negotiating = state else { return context.fireErrorCaught(error) }
        if error is MTLSError { return fail(error, context) }
        fail(
            MTLSError(
                .connectionLost, phase: .proxy, fault: .network,
                "the connection to the proxy was lost: \(reason(error))", underlying: error), context)
    }

    // MARK: The tunnel's first bytes

    func read(context: ChannelHandlerContext) {
        guard case .holding = state else { return context.read() }
        // Later: who asks is in the middle of something.
        let loopBound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.execute {
            let (this, context) = loopBound.value
            this.deliver(context)
        }
    }

    private func deliver(_ context: ChannelHandlerContext) {
        guard case .holding(let bytes) = state else { return }
        state = .left
        context.fireChannelRead(wrapInboundOut(ByteBuffer(bytes: bytes)))
        context.fireChannelReadComplete()
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }
}

@available(*, unavailable)
extension TunnelHandler: Sendable {}

extension ByteBuffer {
    /// Overwrites the bytes, which are nobody's any more.
    fileprivate consuming func wiped() {
        withUnsafeMutableReadableBytes { SecretBytes.wipe($0) }
    }
}

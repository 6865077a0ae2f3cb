import GnuTLSNIO
import MTLSCore
import NIOCore
import NIOTLS

/// Holds what arrives on an upgraded connection until somebody reads it, and reads from the channel by demand.
final class UpgradedHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let isTLS: Bool
    private let peer: String
    private var held: ByteBuffer
    private var outcome: Result<Void, MTLSError>?
    private var reader: CheckedContinuation<ByteBuffer?, any Error>?
    private var context: ChannelHandlerContext?

    /// - Parameters:
    ///   - isTLS: Whether the peer is to end by close_notify; without TLS a FIN is all there is.
    ///   - early: What arrived behind the response's head.
    init(isTLS: Bool, peer: String, early: ByteBuffer) {
        self.isTLS = isTLS
        self.peer = peer
        held = early
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        end(.failure(lost("it was closed here")))
        self.context = nil
    }

    func read(_ continuation: CheckedContinuation<ByteBuffer?, any Error>) {
        guard reader == nil else {
            return continuation.resume(
                throwing: MTLSError(
                    .requestInvalid, phase: .response, fault: .caller, "a connection is read by two tasks at once"))
        }
        reader = continuation
        serve()
        if reader != nil { context?.read() }
    }

    func cancelRead() {
        reader?.resume(throwing: CancellationError())
        reader = nil
    }

    private func serve() {
        guard let reader else { return }
        if held.readableBytes > 0 {
            self.reader = nil
            let bytes = held
            held = ByteBuffer()
            reader.resume(returning: bytes)
        } else if let outcome {
            self.reader = nil
            reader.resume(with: outcome.map { nil })
        }
    }

    private func end(_ result: Result<Void, MTLSError>) {
        if outcome == nil { outcome = result }
        serve()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if held.readableBytes == 0 { held = bytes } else { held.writeBuffer(&bytes) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        serve()
        if reader != nil { context.read() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.shutdownCompleted = event { end(.success(())) }
        if event is TruncationEvent { end(.failure(lost("it ended without close_notify"))) }
        if case ChannelEvent.inputClosed = event, !isTLS { end(.success(())) }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(isTLS ? .failure(lost("it ended without close_notify")) : .success(()))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end(.failure((error as? MTLSError) ?? lost(reason(error))))
        context.close(promise: nil)
    }

    private func lost(_ why: String) -> MTLSError {
        MTLSError(.connectionLost, phase: .response, fault: .network, "the connection to \(peer) was lost: \(why)")
    }
}

@available(*, unavailable)
extension UpgradedHandler: Sendable {}

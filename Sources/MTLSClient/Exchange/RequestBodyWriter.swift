import MTLSCore
import NIOCore

/// Where the production of a body puts its pieces. Used by one task.
final class RequestBodyWriter: Sendable {
    private let sink: NIOLoopBound<RequestBodySink>
    private let loop: any EventLoop

    init(_ sink: RequestBodySink, loop: any EventLoop) {
        self.sink = NIOLoopBound(sink, eventLoop: loop)
        self.loop = loop
    }

    /// Writes a piece, and returns when there is room for another.
    ///
    /// - Throws: `CancellationError` when the rest of the body is not wanted any more.
    func write(_ piece: ByteBuffer) async throws {
        guard piece.readableBytes > 0 else { return }
        try await withCheckedThrowingContinuation { continuation in
            if loop.inEventLoop {
                sink.value.write(piece, continuation)
            } else {
                loop.execute { self.sink.value.write(piece, continuation) }
            }
        }
    }
}

/// The loop's end of a ``RequestBodyWriter``, for one try to send a body.
final class RequestBodySink {
    /// nil when no more is wanted.
    private weak var handler: HTTP1ExchangeHandler?
    private var writer: CheckedContinuation<Void, any Error>?
    private var task: Task<Void, Never>?

    init(_ handler: HTTP1ExchangeHandler) {
        self.handler = handler
    }

    /// Begins the production, in a task of its own: it may go on when the response's head has come.
    func begin(_ production: RequestBody.Production, on loop: any EventLoop, executor: LoopExecutor?) {
        let writer = RequestBodyWriter(self, loop: loop)
        let sink = NIOLoopBound(self, eventLoop: loop)
        task = Task(executorPreference: executor) {
            do {
                let trailers = try await production.run(writer)
                loop.hereOrLater { sink.value.handler?.bodyEnded(trailers: trailers) }
            } catch {
                loop.hereOrLater { sink.value.handler?.bodyFailed(error) }
            }
        }
    }

    func write(_ piece: ByteBuffer, _ continuation: CheckedContinuation<Void, any Error>) {
        guard let handler, writer == nil else { return continuation.resume(throwing: CancellationError()) }
        let hasRoom = handler.sendPiece(piece)
        if self.handler == nil {
            continuation.resume(throwing: CancellationError())
        } else if hasRoom {
            continuation.resume()
        } else {
            writer = continuation
        }
    }

    /// There is room again.
    func resume() {
        guard let writer else { return }
        self.writer = nil
        writer.resume()
    }

    /// No more is wanted.
    func stop() {
        handler = nil
        task?.cancel()
        task = nil
        writer?.resume(throwing: CancellationError())
        writer = nil
    }
}

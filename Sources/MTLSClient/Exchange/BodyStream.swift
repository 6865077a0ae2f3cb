import HTTPTypes
import MTLSCore
import NIOCore
import Synchronization

/// What a reader of a body gets.
enum BodyPiece: Sendable {
    case bytes(ByteBuffer)
    case end(trailers: HTTPFields)
}

/// The part of a body that has arrived and was not read yet, between the exchange and the reader. Lives on the loop.
final class BodyBuffer {
    private static let longestJoined = 1 << 16

    /// Asked for more, while the exchange lasts.
    weak var exchange: HTTP1ExchangeHandler?
    private var held = ByteBuffer()
    /// What is behind that, never much: long pieces are not joined, for that would copy them.
    private var later: [ByteBuffer] = []
    private var outcome: Result<Void, MTLSError>?
    private var reader: CheckedContinuation<BodyPiece, any Error>?
    /// What came behind the body.
    var trailers = HTTPFields()

    var isEmpty: Bool { held.readableBytes == 0 }

    func append(_ bytes: ByteBuffer) {
        if held.readableBytes == 0 {
            held = bytes
        } else if later.isEmpty, held.readableBytes + bytes.readableBytes <= Self.longestJoined {
            held.writeImmutableBuffer(bytes)
        } else if let last = later.last, last.readableBytes + bytes.readableBytes <= Self.longestJoined {
            later[later.count - 1].writeImmutableBuffer(bytes)
        } else {
            later.append(bytes)
        }
    }

    /// No more will come.
    func end(_ result: Result<Void, MTLSError>) {
        guard outcome == nil else { return }
        outcome = result
        exchange = nil
        serve()
    }

    /// Gives the reader what there is, if it waits.
    func serve() {
        guard let reader else { return }
        if held.readableBytes > 0 {
            self.reader = nil
            let bytes = held
            held = later.isEmpty ? ByteBuffer() : later.removeFirst()
            reader.resume(returning: .bytes(bytes))
        } else if let outcome {
            self.reader = nil
            reader.resume(with: outcome.map { .end(trailers: trailers) })
        }
    }

    /// The whole body, if nothing of it is outstanding.
    func takeWhole() -> ByteBuffer? {
        guard case .success = outcome else { return nil }
        for next in later { held.writeImmutableBuffer(next) }
        later = []
        return held
    }

    func read(_ continuation: CheckedContinuation<BodyPiece, any Error>) {
        guard reader == nil else {
            return continuation.resume(
                throwing: MTLSError(
                    .requestInvalid, phase: .response, fault: .caller, "a response's body is read by two tasks at once")
            )
        }
        reader = continuation
        serve()
        if reader != nil { exchange?.demand() }
    }

    /// The reader went away, or its task was cancelled.
    func abandon() {
        exchange?.cancelBody(self)
    }
}

/// The reader's end of a ``BodyBuffer``. When the last reference goes, the body is abandoned.
final class BodyStream: Sendable {
    private let buffer: NIOLoopBound<BodyBuffer>
    private let loop: any EventLoop
    private let lastFields = Mutex<HTTPFields?>(nil)

    init(_ buffer: BodyBuffer, loop: any EventLoop) {
        self.buffer = NIOLoopBound(buffer, eventLoop: loop)
        self.loop = loop
    }

    deinit {
        let buffer = buffer
        if loop.inEventLoop { buffer.value.abandon() } else { loop.execute { buffer.value.abandon() } }
    }

    /// The trailer fields, once the end was read.
    var trailers: HTTPFields? { lastFields.withLock { $0 } }

    func next() async throws -> ByteBuffer? {
        switch try await nextPiece() {
        case .bytes(let bytes): return bytes
        case .end(let trailers):
            lastFields.withLock { $0 = trailers }
            return nil
        }
    }

    private func nextPiece() async throws -> BodyPiece {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                if loop.inEventLoop {
                    buffer.value.read(continuation)
                } else {
                    loop.execute { self.buffer.value.read(continuation) }
                }
            }
        } onCancel: {
            loop.execute { self.buffer.value.abandon() }
        }
    }
}

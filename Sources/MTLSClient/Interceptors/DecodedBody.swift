import Decompression
import MTLSCore
import NIOCore

/// Decompresses a body piece by piece, as it is read. Used by one task at a time.
final class DecodedBody {
    private struct Stage {
        let coding: ContentCoding
        let decoder: any Decoder
        /// What was not decoded yet.
        var pending = ByteBuffer()
        /// Whether the decoder may hold more than there was room for.
        var isFull = false
    }

    private static let pieceSize = 1 << 16

    private let body: ResponseBody
    private var source: ResponseBody.Iterator
    /// In the order of decoding.
    private var stages: [Stage]
    private var limits: DecompressionLimits
    private var isEmpty = true

    /// - Parameter codings: In the order in which they were applied (RFC 9110 §8.4).
    init(_ body: ResponseBody, _ codings: [ContentCoding], _ limits: DecompressionLimits) throws(MTLSError) {
        self.body = body
        source = body.makeAsyncIterator()
        self.limits = limits
        stages = []
        for coding in codings.reversed() {
            do throws(DecompressionError) {
                stages.append(Stage(coding: coding, decoder: try coding.decoder()))
            } catch {
                throw Self.invalid(coding, error.reason)
            }
        }
    }

    func next() async throws -> BodyPiece {
        while true {
            if let piece = try decode() { return .bytes(piece) }
            guard let more = try await source.next() else {
                try checkEnd()
                return .end(trailers: body.trailers ?? [:])
            }
            isEmpty = false
            limits.receive(more.count)
            stages[0].pending.writeImmutableBuffer(more.buffer)
        }
    }

    /// What can be decoded without more input: from the last stage that has some, towards the end.
    private func decode() throws(MTLSError) -> ByteBuffer? {
        var index = stages.count - 1
        while index >= 0 {
            guard let piece = try run(&stages[index]) else {
                index -= 1
                continue
            }
            if index == stages.count - 1 {
                try limits.produce(piece.readableBytes)
                return piece
            }
            index += 1
            stages[index].pending.writeImmutableBuffer(piece)
        }
        return nil
    }

    /// A piece from one stage; nil when it needs more.
    private func run(_ stage: inout Stage) throws(MTLSError) -> ByteBuffer? {
        while stage.pending.readableBytes > 0 || stage.isFull {
            var output = ByteBufferAllocator().buffer(capacity: Self.pieceSize)
            var result = Result<Progress, DecompressionError>.success(Progress(consumed: 0, produced: 0))
            output.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.pieceSize) { room in
                result = stage.pending.withUnsafeReadableBytes { input in
                    Result { () throws(DecompressionError) in try stage.decoder.decode(input, into: room) }
                }
                guard case .success(let progress) = result else { return 0 }
                stage.isFull = progress.produced == room.count
                return progress.produced
            }
            let progress: Progress
            do throws(DecompressionError) {
                progress = try result.get()
            } catch {
                throw Self.invalid(stage.coding, error.reason)
            }
            stage.pending.moveReaderIndex(forwardBy: progress.consumed)
            if stage.pending.readableBytes == 0 { stage.pending = ByteBuffer() }
            if progress.produced > 0 { return output }
            if progress.consumed == 0 { return nil }
        }
        return nil
    }

    /// A body of no bytes at all is empty, whatever its head says.
    private func checkEnd() throws(MTLSError) {
        guard !isEmpty, let stage = stages.first(where: { !$0.decoder.isComplete }) else { return }
        throw Self.invalid(stage.coding, "the compressed data end before their time")
    }

    private static func invalid(_ coding: ContentCoding, _ reason: String) -> MTLSError {
        MTLSError(
            .responseEncodingInvalid, phase: .response, fault: .peer,
            "the response's body cannot be decompressed (\(coding.rawValue)): \(reason)")
    }
}

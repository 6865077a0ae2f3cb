import HTTPTypes
import MTLSCore
import NIOCore

/// The request's way out.
struct OutgoingBody {
    /// How long the pieces are that bodies are sent in, where that is up to us: their records, together, fill 256 KiB.
    static let pieceSize = 15 << 14

    enum Source {
        case none
        /// What is left of a body in memory.
        case bytes(ByteBuffer)
        case production(RequestBody.Production, RequestBodySink?)
    }

    var source: Source
    /// How many bytes are outstanding, where the length was promised.
    var remaining: Int?
    let isChunked: Bool
    /// Whether it waits for the server's consent.
    var isHeldBack: Bool

    init(_ body: PreparedBody, isChunked: Bool, isHeldBack: Bool) {
        self.isChunked = isChunked
        self.isHeldBack = isHeldBack
        switch body {
        case .none: (source, remaining) = (.none, nil)
        case .bytes(let buffer): (source, remaining) = (.bytes(buffer), buffer.readableBytes)
        case .produced(let production): (source, remaining) = (.production(production, nil), production.length)
        }
    }

    var sink: RequestBodySink? { if case .production(_, let sink) = source { sink } else { nil } }
}

extension HTTP1ExchangeHandler {
    /// As much as is copied behind a head, to leave in one record with it.
    private static let inlineLimit = 16 << 10
    /// As much memory as an idle connection keeps for the next head.
    private static let spareLimit = 512

    func sendHead(of job: RequestJob, awaitsConsent: Bool, now: Deadline) {
        guard let context else { return }
        var inline: ByteBuffer?
        switch job.body {
        case .none: break
        case .bytes(let body) where !awaitsConsent && body.readableBytes <= Self.inlineLimit: inline = body
        case .bytes, .produced:
            outgoing = OutgoingBody(job.body, isChunked: job.head.isChunked, isHeldBack: awaitsConsent)
        }
        var buffer = spareBuffer
        spareBuffer = ByteBuffer()
        buffer.clear(minimumCapacity: job.head.byteLimit + (inline?.readableBytes ?? 0))
        RequestEncoder.write(job.head, into: &buffer)
        if let inline { buffer.writeImmutableBuffer(inline) }
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
        // TLS has encrypted it by now; whoever holds it still keeps it, and the next head gets another.
        if buffer.capacity <= Self.spareLimit { spareBuffer = buffer }
        wrote(now: now)
        if outgoing == nil { requestEnded(now: now) } else if !awaitsConsent { sendBody(now: now) }
    }

    /// The server consents to the body, or there is no need to ask.
    func sendBody(now: Deadline = .now) {
        guard let context, var sending = outgoing else { return }
        sending.isHeldBack = false
        outgoing = sending
        switch sending.source {
        case .none: sendingEnded(now: now)
        case .bytes: sendBytes()
        case .production(let production, nil):
            let sink = RequestBodySink(self)
            sending.source = .production(production, sink)
            outgoing = sending
            bodyWasTaken = true
            sink.begin(production, on: context.eventLoop, executor: job?.executor)
        case .production: break
        }
    }

    /// Gives the connection as much of a body in memory as it has room for.
    private func sendBytes() {
        while let context, context.channel.isWritable, var sending = outgoing, case .bytes(var body) = sending.source,
            let piece = body.readSlice(length: min(body.readableBytes, OutgoingBody.pieceSize))
        {
            sending.source = body.readableBytes > 0 ? .bytes(body) : .none
            outgoing = sending
            send(piece, context)
            if body.readableBytes == 0 { return sendingEnded() }
        }
    }

    private func send(_ piece: ByteBuffer, _ context: ChannelHandlerContext) {
        unsentPieces += 1
        context.writeAndFlush(wrapOutboundOut(piece)).assumeIsolated().whenSuccess { self.unsentPieces -= 1 }
        wrote()
    }

    /// Sends a piece that was produced.
    ///
    /// - Returns: Whether there is room for another.
    func sendPiece(_ piece: ByteBuffer) -> Bool {
        guard let context, let outgoing else { return false }
        if let remaining = outgoing.remaining {
            guard piece.readableBytes <= remaining else {
                abort(Self.lengthError("more", origin))
                return false
            }
            self.outgoing?.remaining = remaining - piece.readableBytes
        }
        let bytes = outgoing.isChunked ? RequestEncoder.chunk(piece, context.channel.allocator) : piece
        send(bytes, context)
        return context.channel.isWritable
    }

    /// All of the body was produced.
    func bodyEnded(trailers: HTTPFields) {
        guard let outgoing, let context else { return }
        guard outgoing.remaining ?? 0 == 0 else { return abort(Self.lengthError("fewer", origin)) }
        if outgoing.isChunked {
            do {
                let trailers = try FieldRules.trailers(trailers)
                let bytes = RequestEncoder.lastChunk(trailers: trailers, context.channel.allocator)
                send(bytes, context)
            } catch {
                return abort(error.at(origin.description))
            }
        }
        sendingEnded()
    }

    func bodyFailed(_ error: any Error) {
        abort(
            error as? MTLSError
                ?? MTLSError(
                    .requestBodyFailed, phase: .request, fault: .caller,
                    "the request's body could not be made: \(error)", origin: origin.description, underlying: error))
    }

    func stopSending() {
        let sink = outgoing?.sink
        outgoing = nil
        sink?.stop()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            if let outgoing, case .bytes = outgoing.source, !outgoing.isHeldBack { sendBytes() }
            outgoing?.sink?.resume()
        }
        context.fireChannelWritabilityChanged()
    }

    private func sendingEnded(now: Deadline = .now) {
        outgoing = nil
        requestEnded(now: now)
    }

    private static func lengthError(_ how: String, _ origin: Origin) -> MTLSError {
        MTLSError(
            .requestInvalid, phase: .request, fault: .caller, "the request's body has \(how) bytes than were promised",
            advice: "give the right length, or none", origin: origin.description)
    }
}

import CZlib

/// `gzip` (RFC 1952, any number of members) and `deflate` (RFC 1950, or, as some servers have it, RFC 1951), by zlib.
final class Inflation: Decoder {
    enum Format { case gzip, deflate }

    private let format: Format
    /// zlib keeps this address.
    private let stream: UnsafeMutablePointer<z_stream>
    /// Whether `inflateInit2` was called.
    private var isOpen = false
    /// The first bytes of a member, until there are enough to tell what it is.
    private var head: [UInt8] = []
    /// Whether the last member was whole.
    private var hasEnded = false
    var isComplete: Bool { hasEnded && head.isEmpty }

    init(_ format: Format) throws(DecompressionError) {
        self.format = format
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
    }

    deinit {
        if isOpen { inflateEnd(stream) }
        stream.deallocate()
    }

    func decode(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(DecompressionError) -> Progress {
        var progress = Progress(consumed: 0, produced: 0)
        while progress.consumed < input.count, !isOpen {
            if hasEnded, format == .deflate { throw .trailingData }
            head.append(input[progress.consumed])
            progress.consumed += 1
            if head.count == 2 { try open(output, &progress) }
        }
        guard isOpen else { return progress }
        let rest = UnsafeRawBufferPointer(rebasing: input[progress.consumed...])
        let room = UnsafeMutableRawBufferPointer(rebasing: output[progress.produced...])
        let step = try inflated(rest, room)
        return Progress(consumed: progress.consumed + step.consumed, produced: progress.produced + step.produced)
    }

    private func open(
        _ output: UnsafeMutableRawBufferPointer, _ progress: inout Progress
    ) throws(DecompressionError) {
        let windowBits: Int32
        switch format {
        case .gzip:
            guard head == [0x1F, 0x8B] else {
                throw hasEnded ? .trailingData : DecompressionError(reason: "the data are not in the format of gzip")
            }
            windowBits = 15 + 16
        case .deflate:
            // RFC 1950 §2.2: method 8, and a number that 31 divides.
            let isZlib = head[0] & 0x0F == 8 && (Int(head[0]) << 8 + Int(head[1])).isMultiple(of: 31)
            windowBits = isZlib ? 15 : -15
        }
        let result = inflateInit2_(stream, windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard result == Z_OK else { throw .memory }
        isOpen = true
        hasEnded = false
        let start = head
        head = []
        try start.withUnsafeBytesThrowing { (bytes) throws(DecompressionError) in
            // Two bytes of a head make no output.
            progress.produced += try inflated(bytes, output).produced
        }
    }

    private func inflated(
        _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer
    ) throws(DecompressionError) -> Progress {
        let given = (min(input.count, Int(Int32.max)), min(output.count, Int(Int32.max)))
        stream.pointee.next_in = UnsafeMutablePointer(
            mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = UInt32(given.0)
        stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(given.1)
        switch inflate(stream, Z_NO_FLUSH) {
        case Z_OK, Z_BUF_ERROR: break
        case Z_STREAM_END:
            inflateEnd(stream)
            isOpen = false
            hasEnded = true
        case Z_MEM_ERROR: throw .memory
        case Z_NEED_DICT: throw DecompressionError(reason: "the data need a dictionary that nobody has agreed on")
        default: throw DecompressionError(reason: "the data are damaged")
        }
        return Progress(
            consumed: given.0 - Int(stream.pointee.avail_in), produced: given.1 - Int(stream.pointee.avail_out))
    }
}

extension Array {
    fileprivate func withUnsafeBytesThrowing<Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        let result = withUnsafeBytes { bytes in Result { () throws(Failure) in try body(bytes) } }
        try result.get()
    }
}

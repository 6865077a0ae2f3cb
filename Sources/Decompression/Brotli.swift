/// `br` (RFC 7932), by libbrotlidec.
final class Brotli: Decoder {
    /// What of the library is used; the names are those of `brotli/decode.h`, whose interface has been the same since 1.0.
    struct Library: Sendable {
        typealias Create =
            @convention(c) (OpaquePointer?, OpaquePointer?, UnsafeMutableRawPointer?) ->
            OpaquePointer?
        typealias Decompress =
            @convention(c) (
                OpaquePointer, UnsafeMutablePointer<Int>, UnsafeMutablePointer<UnsafePointer<UInt8>?>,
                UnsafeMutablePointer<Int>, UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>,
                UnsafeMutablePointer<Int>?
            ) -> Int32
        typealias Destroy = @convention(c) (OpaquePointer) -> Void

        let create: Create
        let decompress: Decompress
        let destroy: Destroy

        init?() {
            guard let library = RuntimeLibrary("libbrotlidec.so.1"),
                let create = library.function("BrotliDecoderCreateInstance", Create.self),
                let decompress = library.function("BrotliDecoderDecompressStream", Decompress.self),
                let destroy = library.function("BrotliDecoderDestroyInstance", Destroy.self)
            else { return nil }
            (self.create, self.decompress, self.destroy) = (create, decompress, destroy)
        }
    }

    static let library = Library()

    private let library: Library
    private let state: OpaquePointer
    private(set) var isComplete = false

    init() throws(DecompressionError) {
        guard let library = Self.library else { throw DecompressionError(reason: "libbrotlidec is not installed") }
        guard let state = library.create(nil, nil, nil) else { throw .memory }
        self.library = library
        self.state = state
    }

    deinit { library.destroy(state) }

    func decode(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(DecompressionError) -> Progress {
        if isComplete {
            guard input.isEmpty else { throw .trailingData }
            return Progress(consumed: 0, produced: 0)
        }
        var (inputLeft, outputLeft) = (input.count, output.count)
        var next = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
        var place = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        switch library.decompress(state, &inputLeft, &next, &outputLeft, &place, nil) {
        case 0: throw DecompressionError(reason: "the data are damaged")
        case 1: isComplete = true
        default: break
        }
        return Progress(consumed: input.count - inputLeft, produced: output.count - outputLeft)
    }
}

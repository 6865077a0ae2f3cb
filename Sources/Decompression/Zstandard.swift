/// `zstd` (RFC 8878, any number of frames), by libzstd.
final class Zstandard: Decoder {
    /// `ZSTD_inBuffer` and `ZSTD_outBuffer`, which differ only in const.
    struct Buffer {
        var start: UnsafeMutableRawPointer?
        var size: Int
        var position: Int
    }

    /// What of the library is used; the names are those of `zstd.h`, stable since 1.4.
    struct Library: Sendable {
        typealias Create = @convention(c) () -> OpaquePointer?
        typealias Free = @convention(c) (OpaquePointer) -> Int
        typealias SetParameter = @convention(c) (OpaquePointer, Int32, Int32) -> Int
        typealias Decompress =
            @convention(c) (OpaquePointer, UnsafeMutableRawPointer, UnsafeMutableRawPointer) -> Int
        typealias IsError = @convention(c) (Int) -> UInt32

        let create: Create
        let free: Free
        let setParameter: SetParameter
        let decompress: Decompress
        let isError: IsError

        init?() {
            guard let library = RuntimeLibrary("libzstd.so.1"),
                let create = library.function("ZSTD_createDCtx", Create.self),
                let free = library.function("ZSTD_freeDCtx", Free.self),
                let setParameter = library.function("ZSTD_DCtx_setParameter", SetParameter.self),
                let decompress = library.function("ZSTD_decompressStream", Decompress.self),
                let isError = library.function("ZSTD_isError", IsError.self)
            else { return nil }
            (self.create, self.free, self.setParameter) = (create, free, setParameter)
            (self.decompress, self.isError) = (decompress, isError)
        }
    }

    static let library = Library()

    /// `ZSTD_d_windowLogMax`.
    private static let windowLogMax: Int32 = 100

    private let library: Library
    private let context: OpaquePointer
    private(set) var isComplete = false

    init() throws(DecompressionError) {
        guard let library = Self.library else { throw DecompressionError(reason: "libzstd is not installed") }
        guard let context = library.create() else { throw .memory }
        self.library = library
        self.context = context
        // RFC 9659 §3: the window of a content coding has at most 8 MiB.
        _ = library.setParameter(context, Self.windowLogMax, 23)
    }

    deinit { _ = library.free(context) }

    func decode(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(DecompressionError) -> Progress {
        // At the end of a frame a call without input would begin the next one.
        if isComplete, input.isEmpty { return Progress(consumed: 0, produced: 0) }
        var source = Buffer(start: UnsafeMutableRawPointer(mutating: input.baseAddress), size: input.count, position: 0)
        var target = Buffer(start: output.baseAddress, size: output.count, position: 0)
        let hint = library.decompress(context, &target, &source)
        guard library.isError(hint) == 0 else {
            throw isComplete
                ? .trailingData : DecompressionError(reason: "the data are damaged, or need a window above 8 MiB")
        }
        isComplete = hint == 0
        return Progress(consumed: source.position, produced: target.position)
    }
}

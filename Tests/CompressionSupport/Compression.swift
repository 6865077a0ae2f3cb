import CZlib
import Glibc

/// Makes what a decoder has to undo.
package enum Compression: String, CaseIterable, Sendable {
    case gzip, zlib, rawDeflate, brotli, zstd

    /// What Content-Encoding calls it.
    package var contentCoding: String {
        switch self {
        case .gzip: "gzip"
        case .zlib, .rawDeflate: "deflate"
        case .brotli: "br"
        case .zstd: "zstd"
        }
    }

    package func of(_ bytes: [UInt8]) -> [UInt8] {
        switch self {
        case .gzip: Self.deflate(bytes, windowBits: 31)
        case .zlib: Self.deflate(bytes, windowBits: 15)
        case .rawDeflate: Self.deflate(bytes, windowBits: -15)
        case .brotli: Self.brotli(bytes)
        case .zstd: Self.zstd(bytes)
        }
    }

    package func of(_ text: String) -> [UInt8] { of(Array(text.utf8)) }

    private static func deflate(_ bytes: [UInt8], windowBits: Int32) -> [UInt8] {
        var input = bytes
        var output = [UInt8](repeating: 0, count: bytes.count + bytes.count / 100 + 1024)
        var stream = z_stream()
        deflateInit2_(
            &stream, 6, Z_DEFLATED, windowBits, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        input.withUnsafeMutableBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output in
                stream.next_in = input.baseAddress
                stream.avail_in = UInt32(input.count)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(output.count)
                CZlib.deflate(&stream, Z_FINISH)
            }
        }
        let count = Int(stream.total_out)
        deflateEnd(&stream)
        return Array(output[..<count])
    }

    private static func brotli(_ bytes: [UInt8]) -> [UInt8] {
        typealias Compress =
            @convention(c) (
                Int32, Int32, Int32, Int, UnsafePointer<UInt8>?, UnsafeMutablePointer<Int>, UnsafeMutablePointer<UInt8>
            ) -> Int32
        guard let compress = function("libbrotlienc.so.1", "BrotliEncoderCompress", Compress.self) else { return [] }
        var output = [UInt8](repeating: 0, count: bytes.count + bytes.count / 100 + 1024)
        var count = output.count
        guard compress(5, 22, 0, bytes.count, bytes, &count, &output) == 1 else { return [] }
        return Array(output[..<count])
    }

    private static func zstd(_ bytes: [UInt8]) -> [UInt8] {
        typealias Compress =
            @convention(c) (UnsafeMutablePointer<UInt8>, Int, UnsafePointer<UInt8>?, Int, Int32) -> Int
        guard let compress = function("libzstd.so.1", "ZSTD_compress", Compress.self) else { return [] }
        var output = [UInt8](repeating: 0, count: bytes.count + bytes.count / 100 + 1024)
        let count = compress(&output, output.count, bytes, bytes.count, 3)
        return count <= output.count ? Array(output[..<count]) : []
    }

    private static func function<Function>(_ library: String, _ name: String, _ type: Function.Type) -> Function? {
        guard let handle = dlopen(library, RTLD_NOW), let symbol = dlsym(handle, name) else { return nil }
        return unsafeBitCast(symbol, to: type)
    }

    /// Whether its library is installed.
    package var isAvailable: Bool { !of([1]).isEmpty }
}

import CompressionSupport
import Testing

@testable import Decompression

struct DecoderTests {
    private static let kinds = Compression.allCases.filter(\.isAvailable)
    /// Compressible, and not only so.
    private static let text = (0..<5000).flatMap { Array("line \($0 &* 2_654_435_761) \n".utf8) }

    private func decoder(_ kind: Compression) throws -> any Decoder {
        try #require(ContentCoding(name: kind.contentCoding)).decoder()
    }

    /// Decodes in pieces of these sizes.
    private func decoded(
        _ bytes: [UInt8], by decoder: any Decoder, input: Int = .max, output: Int = 1 << 16
    ) throws -> [UInt8] {
        var result: [UInt8] = []
        var room = [UInt8](repeating: 0, count: output)
        var rest = bytes[...]
        repeat {
            var piece = Array(rest.prefix(input))
            rest = rest.dropFirst(piece.count)
            while true {
                let progress = try piece.withUnsafeBytes { bytes in
                    try room.withUnsafeMutableBytes { try decoder.decode(bytes, into: $0) }
                }
                result += room[..<progress.produced]
                piece.removeFirst(progress.consumed)
                if piece.isEmpty, progress.produced < output { break }
                if progress == Progress(consumed: 0, produced: 0) { break }
            }
            guard piece.isEmpty else { throw Stuck() }
        } while !rest.isEmpty
        return result
    }

    private struct Stuck: Error {}

    @Test(arguments: kinds, [1, 7, 1000, .max])
    func everyCodingIsUndoneInPiecesOfAnySize(_ kind: Compression, _ size: Int) throws {
        let compressed = kind.of(Self.text)
        #expect(compressed.count < Self.text.count)
        let decoder = try decoder(kind)
        let result = try decoded(compressed, by: decoder, input: size, output: size == 1 ? 16 : 1 << 16)
        #expect(result == Self.text)
        #expect(decoder.isComplete)
    }

    @Test(arguments: kinds)
    func anEmptyTextIsUndone(_ kind: Compression) throws {
        let decoder = try decoder(kind)
        #expect(try decoded(kind.of(""), by: decoder, input: 1).isEmpty)
        #expect(decoder.isComplete)
    }

    @Test(arguments: kinds)
    func dataThatEndBeforeTheirTimeAreIncompleteWhereverTheyAreCut(_ kind: Compression) throws {
        let compressed = kind.of("a short text, a short text, a short text")
        for count in 0..<compressed.count {
            let decoder = try decoder(kind)
            _ = try decoded(Array(compressed[..<count]), by: decoder)
            #expect(!decoder.isComplete, "after \(count) bytes")
        }
    }

    @Test(arguments: kinds)
    func whatFollowsTheEndIsRefused(_ kind: Compression) throws {
        let compressed = kind.of("text") + Array("garbage".utf8)
        #expect(throws: DecompressionError.self) { try decoded(compressed, by: try decoder(kind)) }
        #expect(throws: DecompressionError.self) { try decoded(compressed, by: try decoder(kind), input: 1) }
    }

    @Test(arguments: kinds)
    func aByteBehindTheEndIsRefusedOrLeavesTheDataIncomplete(_ kind: Compression) throws {
        for byte in [0x1F, 0x28, 0x50, 0] as [UInt8] {
            let decoder = try decoder(kind)
            var isRefused = false
            do { _ = try decoded(kind.of("text") + [byte], by: decoder) } catch { isRefused = true }
            #expect(isRefused || !decoder.isComplete, "byte \(byte)")
        }
    }

    @Test(arguments: [Compression.gzip, .zstd].filter(\.isAvailable))
    func membersAndFramesMayFollowEachOther(_ kind: Compression) throws {
        let decoder = try decoder(kind)
        let result = try decoded(kind.of("one ") + kind.of("") + kind.of("two"), by: decoder, input: 3)
        #expect(String(decoding: result, as: UTF8.self) == "one two")
        #expect(decoder.isComplete)
    }

    /// RFC 1952 §2.3.1: checksum and length.
    @Test func gzipsChecksumAndLengthAreExamined() throws {
        let compressed = Compression.gzip.of("a short text")
        for index in compressed.indices.suffix(8) {
            for bit in 0..<8 {
                var damaged = compressed
                damaged[index] ^= 1 << UInt8(bit)
                #expect(throws: DecompressionError.self) { try decoded(damaged, by: try decoder(.gzip), output: 64) }
            }
        }
    }

    @Test(arguments: kinds)
    func noBytesAtAllTrapADecoder(_ kind: Compression) throws {
        var generator = SystemRandomNumberGenerator()
        for count in 0..<300 {
            let noise = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            _ = try? decoded(noise, by: try decoder(kind), output: 4096)
            // The right start, then noise.
            _ = try? decoded(Array(kind.of(Self.text).prefix(20)) + noise, by: try decoder(kind), output: 4096)
        }
    }

    /// RFC 9659 §3. The head of a frame that says: no checksum, a window of 2^24 bytes, the size is unknown.
    @Test(.enabled(if: Compression.zstd.isAvailable))
    func aWindowAboveEightMebibytesIsRefused() throws {
        let head: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, (24 - 10) << 3]
        #expect(throws: DecompressionError.self) {
            try decoded(head + [1, 0, 0], by: try decoder(.zstd))
        }
        let allowed: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, (23 - 10) << 3, 1, 0, 0]
        let reader = try decoder(.zstd)
        #expect(try decoded(allowed, by: reader).isEmpty && reader.isComplete)
    }

    @Test func namesAreReadInAnyCase() {
        #expect(ContentCoding(name: "GZip") == .gzip && ContentCoding(name: "x-gzip") == .gzip)
        #expect(ContentCoding(name: "BR") == .br && ContentCoding(name: "compress") == nil)
    }
}

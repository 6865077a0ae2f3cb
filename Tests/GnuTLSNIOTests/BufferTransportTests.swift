import GnuTLS
import NIOCore
import Testing

@testable import GnuTLSNIO

@Suite struct BufferTransportTests {
    private let transport = BufferTransport(allocator: ByteBufferAllocator())

    private func pulled(_ count: Int) -> String? {
        var bytes = [UInt8](repeating: 0, count: count)
        let result = bytes.withUnsafeMutableBytes { transport.pull(into: $0) }
        guard case .bytes(let count) = result else { return nil }
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    @Test func whatArrivedInPiecesIsPulledInOrderAndCounted() {
        for piece in ["abc", "", "de", "f"] { transport.append(ByteBuffer(string: piece)) }
        #expect(transport.pendingBytes == 6)
        #expect(pulled(2) == "ab")
        #expect(pulled(9) == "c")
        #expect(pulled(9) == "de")
        transport.append(ByteBuffer(string: "gh"))
        #expect(transport.pendingBytes == 3)
        #expect(pulled(9) == "f")
        #expect(pulled(9) == "gh")
        #expect(pulled(9) == nil)
        #expect(!transport.hasInput)
        transport.end()
        #expect(transport.hasInput)
    }

    @Test func roomForALongUploadIsGivenBack() {
        transport.makeRoom(forPlaintext: 1 << 18)
        #expect(transport.outbound.writableBytes >= 1 << 18)
        [UInt8]("abc".utf8).withUnsafeBytes { transport.push($0) }
        transport.relax(above: 1 << 16)
        #expect(transport.takeOutbound()?.readableBytes == 3)
        transport.makeRoom(forPlaintext: 1 << 18)
        transport.relax(above: 1 << 16)
        #expect(transport.outbound.capacity == 0)
    }
}

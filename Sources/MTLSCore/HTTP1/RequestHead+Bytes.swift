import HTTPTypes

import func Glibc.memcpy

extension RequestHead {
    /// How many bytes the head has (RFC 9112 §3).
    package var byteCount: Int {
        var counter = ByteCounter()
        write(to: &counter)
        return counter.count
    }

    /// Writes the head.
    ///
    /// - Parameter target: Has room for ``byteCount`` bytes.
    /// - Returns: How many were written.
    package func write(to target: UnsafeMutableRawBufferPointer) -> Int {
        var filler = ByteFiller(target: target)
        write(to: &filler)
        return filler.count
    }

    private func write(to sink: inout some ByteSink) {
        sink.add(method.rawValue)
        sink.add(" " as StaticString)
        sink.add(target)
        sink.add(" HTTP/1.1\r\nHost: " as StaticString)
        sink.add(host)
        sink.add("\r\n" as StaticString)
        for position in given.indices where !Self.isTold(given[position].name) {
            sink.add(given[position].name.rawName)
            sink.add(": " as StaticString)
            given[position].withUnsafeBytesOfValue { sink.add(UnsafeRawBufferPointer($0)) }
            sink.add("\r\n" as StaticString)
        }
        if let contentLength {
            sink.add("Content-Length: " as StaticString)
            sink.add("\(contentLength)")
            sink.add("\r\n" as StaticString)
        }
        if isChunked { sink.add("Transfer-Encoding: chunked\r\n" as StaticString) }
        sink.add("\r\n" as StaticString)
    }
}

/// Where bytes go.
private protocol ByteSink {
    mutating func add(_ bytes: UnsafeRawBufferPointer)
}

extension ByteSink {
    fileprivate mutating func add(_ text: StaticString) {
        add(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    fileprivate mutating func add(_ text: String) {
        var text = text
        text.withUTF8 { add(UnsafeRawBufferPointer($0)) }
    }
}

private struct ByteCounter: ByteSink {
    private(set) var count = 0

    mutating func add(_ bytes: UnsafeRawBufferPointer) { count += bytes.count }
}

private struct ByteFiller: ByteSink {
    let target: UnsafeMutableRawBufferPointer
    private(set) var count = 0

    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        guard let base = target.baseAddress, let source = bytes.baseAddress, bytes.count <= target.count - count else {
            return
        }
        memcpy(base + count, source, bytes.count)
        count += bytes.count
    }
}

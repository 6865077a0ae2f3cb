import HTTPTypes

import func Glibc.memcpy

extension RequestHead {
    /// As many bytes as the head has at most (RFC 9112 §3).
    package var byteLimit: Int {
        // 96: the version, the names of what is told, the number and the line ends.
        method.rawValue.utf8.count + target.utf8.count + host.utf8.count + givenByteCount + 96
    }

    /// Writes the head.
    ///
    /// - Parameter target: Has room for ``byteLimit`` bytes.
    /// - Returns: How many were written.
    package func write(to target: UnsafeMutableRawBufferPointer) -> Int {
        var filler = ByteFiller(target: target)
        write(to: &filler)
        return filler.count
    }

    private func write(to filler: inout ByteFiller) {
        filler.add(method.rawValue)
        filler.add(" " as StaticString)
        filler.add(target)
        filler.add(" HTTP/1.1\r\nHost: " as StaticString)
        filler.add(host)
        filler.add("\r\n" as StaticString)
        for field in given where !withholdsGiven || !Self.isTold(.init(field.name)) {
            filler.add(field.name.rawName)
            filler.add(": " as StaticString)
            field.withUnsafeBytesOfValue { filler.add(UnsafeRawBufferPointer($0)) }
            filler.add("\r\n" as StaticString)
        }
        if let contentLength {
            filler.add("Content-Length: " as StaticString)
            filler.add("\(contentLength)")
            filler.add("\r\n" as StaticString)
        }
        if isChunked { filler.add("Transfer-Encoding: chunked\r\n" as StaticString) }
        filler.add("\r\n" as StaticString)
    }
}

private struct ByteFiller {
    let target: UnsafeMutableRawBufferPointer
    private(set) var count = 0

    init(target: UnsafeMutableRawBufferPointer) { self.target = target }

    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        guard let base = target.baseAddress, let source = bytes.baseAddress, bytes.count <= target.count - count else {
            return
        }
        memcpy(base + count, source, bytes.count)
        count += bytes.count
    }

    mutating func add(_ text: StaticString) {
        add(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    mutating func add(_ text: String) {
        let isAdded: Void? = text.utf8.withContiguousStorageIfAvailable { add(UnsafeRawBufferPointer($0)) }
        if isAdded == nil { Array(text.utf8).withUnsafeBytes { add($0) } }
    }
}

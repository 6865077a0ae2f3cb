import HTTPTypes

/// A response's head as HTTP/1.1 writes it, for `--include` and `--head`.
enum ResponseHead {
    static func bytes(_ head: HTTPResponse, version: String) -> [UInt8] {
        var bytes = Array("\(version) \(head.status.code) \(head.status.reasonPhrase)\r\n".utf8)
        for field in head.headerFields {
            bytes += field.name.rawName.utf8
            bytes += ": ".utf8
            field.withUnsafeBytesOfValue { bytes += $0 }
            bytes += "\r\n".utf8
        }
        return bytes + Array("\r\n".utf8)
    }
}

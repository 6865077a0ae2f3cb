import HTTPTypes

import func Glibc.memcmp

/// The head that was read last on a connection, with what came of it: the same bytes in answer to the same method mean
/// the same once more. Many servers send nothing new but the date, once a second.
///
/// Only final heads of a moderate length are kept, since they stay as long as the connection.
struct RecentHead: Sendable {
    struct Reading: Sendable {
        let method: HTTPRequest.Method
        let response: HTTPResponse
        let version: HTTP1Version
        let framing: ResponseBodyFraming
    }

    private static let limit = 1024

    private var bytes: [UInt8] = []
    private var reading: Reading?

    /// How many bytes it has.
    var count: Int { bytes.count }

    /// What was read, if `all` begins with the same head.
    func head(at all: UnsafeRawBufferPointer, to method: HTTPRequest.Method) -> Reading? {
        guard let reading, reading.method == method, all.count >= bytes.count, let base = all.baseAddress,
            memcmp(base, bytes, bytes.count) == 0
        else { return nil }
        return reading
    }

    /// Keeps a head that is whole, in place of the one before.
    mutating func note(_ head: UnsafeRawBufferPointer, _ reading: Reading) {
        bytes.removeAll(keepingCapacity: true)
        self.reading = nil
        guard head.count <= Self.limit else { return }
        bytes.append(contentsOf: head)
        self.reading = reading
    }
}

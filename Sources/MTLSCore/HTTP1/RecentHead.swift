import HTTPTypes
import Synchronization

import func Glibc.memcmp

/// The head that was read last on a connection, with what came of it: the same bytes in answer to the same method mean
/// the same once more. Many servers send nothing new but the date, once a second.
final class RecentHead: Sendable {
    let bytes: [UInt8]
    let method: HTTPRequest.Method
    let head: ReadHead

    init(_ bytes: UnsafeRawBufferPointer, to method: HTTPRequest.Method, _ head: ReadHead) {
        self.bytes = Array(bytes)
        self.method = method
        self.head = head
    }

    /// Whether `all` begins with the same head.
    func begins(_ all: UnsafeRawBufferPointer, to method: HTTPRequest.Method) -> Bool {
        guard self.method == method, all.count >= bytes.count, let base = all.baseAddress else { return false }
        return memcmp(base, bytes, bytes.count) == 0
    }
}

/// The latest head of those connections whose servers are likely to answer alike, so that they keep one among them.
package final class RecentHeads: Sendable {
    /// Heads stay as long as connections: only those of a moderate length are kept.
    private static let limit = 1024

    private let latest = Mutex<RecentHead?>(nil)

    package init() {}

    /// The latest, if `all` begins with it.
    func head(at all: UnsafeRawBufferPointer, to method: HTTPRequest.Method) -> RecentHead? {
        latest.withLock { $0 }.flatMap { $0.begins(all, to: method) ? $0 : nil }
    }

    /// Keeps a final head that is whole in place of the one before, unless it is too long.
    func note(_ bytes: UnsafeRawBufferPointer, to method: HTTPRequest.Method, _ head: ReadHead) -> RecentHead? {
        guard bytes.count <= Self.limit else { return nil }
        let recent = RecentHead(bytes, to: method, head)
        latest.withLock { $0 = recent }
        return recent
    }
}

/// Where a ``TLSSession`` takes ciphertext from and puts it. It never blocks.
package protocol TLSTransport: AnyObject {
    /// Copies ciphertext that has arrived into `buffer`.
    func pull(into buffer: UnsafeMutableRawBufferPointer) -> PullResult

    /// Takes ciphertext to be sent. There is always room: back pressure is the caller's business.
    func push(_ bytes: UnsafeRawBufferPointer)

    /// Whether a pull would find something: bytes, or the end.
    var hasInput: Bool { get }

    /// How many bytes pulls would find.
    var pendingBytes: Int { get }
}

/// What a pull found.
package enum PullResult: Equatable {
    /// So many bytes, at least one.
    case bytes(Int)
    /// Nothing yet.
    case dry
    /// The peer sends no more.
    case end
}

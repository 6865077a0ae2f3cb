/// Undoes one content coding (RFC 9110 §8.4.1), in pieces and in bounded memory. Used by one task at a time.
package protocol Decoder: AnyObject {
    /// Whether what was decoded so far could be all: the data are at the end of a stream, a member or a frame.
    var isComplete: Bool { get }

    /// Decodes some of `input` into `output`, which has room for 16 bytes at least.
    ///
    /// - Returns: How far it came. It stops when the input is used up, the output full, or both; never with neither.
    /// - Throws: When the data are not in the coding, or something follows their end.
    func decode(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(DecompressionError) -> Progress
}

/// What a step of a ``Decoder`` used up and made.
package struct Progress: Equatable, Sendable {
    package var consumed: Int
    package var produced: Int

    package init(consumed: Int, produced: Int) {
        self.consumed = consumed
        self.produced = produced
    }
}

/// Why data cannot be decoded, as a clause: "the data are damaged".
package struct DecompressionError: Error, Equatable {
    package let reason: String

    static let trailingData = DecompressionError(reason: "something follows the end of the compressed data")
    static let memory = DecompressionError(reason: "there is not enough memory")
}

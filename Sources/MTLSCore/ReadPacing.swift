/// How much is to have arrived before a socket says that it can be read (SO_RCVLOWAT, socket(7)).
///
/// A server that is as fast as its client would have it wake for each piece that arrives. Once the reads of a body are
/// long, more is waited for, though never for more than is sure to come. A server that pauses is noticed by a timer: what
/// has arrived until then is read, and waiting is begun anew only after it has been fast again.
package struct ReadPacing: Sendable {
    /// How long a wait may last, roughly. It is short beside what people and protocols take for a delay.
    package static let patience = Duration.milliseconds(5)

    private static let mostToAwait = 1 << 17
    private static let longRead = 1 << 15
    private static let longReadsNeeded = 4
    /// A record that has arrived in part was read from the socket, and is not counted as part of the body yet.
    private static let recordsOnTheWay = 2 << 14

    package init() {}

    /// In bytes; 1 is what sockets have at first.
    package private(set) var mark = 1
    private var arrived = 0
    private var longReads = 0
    private var wasRead = false

    /// So much of a body came in the present read.
    package mutating func came(_ count: Int) { arrived += count }

    /// - Parameter expected: How many bytes of the body are still to come, at least.
    /// - Returns: Whether the mark was moved.
    package mutating func readEnded(expecting expected: Int) -> Bool {
        longReads = arrived >= Self.longRead ? longReads + 1 : 0
        arrived = 0
        wasRead = true
        let sure = expected - Self.recordsOnTheWay
        let isWorthwhile = longReads >= Self.longReadsNeeded && sure >= Self.mostToAwait
        return move(to: isWorthwhile ? Self.mostToAwait : 1)
    }

    /// To be called each ``patience`` while the mark is above 1.
    ///
    /// - Returns: Whether the mark was moved.
    package mutating func patienceEnded() -> Bool {
        defer { wasRead = false }
        guard !wasRead else { return false }
        longReads = 0
        return move(to: 1)
    }

    private mutating func move(to mark: Int) -> Bool {
        defer { self.mark = mark }
        return mark != self.mark
    }
}

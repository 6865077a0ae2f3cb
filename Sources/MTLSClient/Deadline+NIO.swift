import MTLSCore
import NIOCore

extension Deadline {
    /// This moment, on the clock of NIO's event loops.
    static var now: Deadline { Deadline(nanoseconds: Int64(clamping: NIODeadline.now().uptimeNanoseconds)) }

    /// The same moment for an event loop.
    var forLoop: NIODeadline { .uptimeNanoseconds(UInt64(max(0, nanoseconds))) }
}

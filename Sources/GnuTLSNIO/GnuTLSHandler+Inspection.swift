import GnuTLS
import NIOCore

/// What somebody may want to know who makes a handshake for its own sake.
extension GnuTLSHandler {
    /// Whether the peer stapled an OCSP response; asked on the event loop, after the handshake.
    package var hasPeerStaple: Bool { session?.peerStaples.first?.isEmpty == false }

    /// Ends this side of the transport, without close_notify. A peer that wants no more of us has nothing left to read
    /// then, so that its last alert is not lost to a reset.
    package func endTransportOutput() {
        flushTransport()
        context?.close(mode: .output, promise: nil)
    }
}

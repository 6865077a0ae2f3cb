public import HTTPTypes
public import MTLSCore
public import NIOCore

/// A connection that speaks another protocol than HTTP from here on: after 101 (RFC 9110 §15.2.2), or behind CONNECT.
///
/// It belongs to the caller: the client counts it no more and does not close it. It closes when the last reference to it
/// goes.
public final class UpgradedConnection: AsyncSequence, Sendable {
    /// A piece, as it arrived.
    public typealias Element = Bytes

    /// The connection's channel, for protocols that NIO handlers speak. Whoever adds handlers behind takes what arrives
    /// from the sequence.
    public let channel: any Channel
    private let tunnel: NIOLoopBound<UpgradedHandler>

    init(_ tunnel: UpgradedHandler, channel: any Channel) {
        self.channel = channel
        self.tunnel = NIOLoopBound(tunnel, eventLoop: channel.eventLoop)
    }

    deinit { channel.close(promise: nil) }

    /// Reads on from where an earlier iterator stopped.
    public func makeAsyncIterator() -> Iterator { Iterator(connection: self) }

    /// Reads the connection piece by piece.
    public struct Iterator: AsyncIteratorProtocol {
        let connection: UpgradedConnection

        /// The next piece, never empty; nil when the peer has said that it sends no more.
        ///
        /// - Throws: ``MTLSError`` with ``MTLSError/Code/connectionLost``.
        public mutating func next() async throws -> Bytes? { try await connection.read() }
    }

    private func read() async throws -> Bytes? {
        let (loop, tunnel) = (channel.eventLoop, tunnel)
        let piece = try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                if loop.inEventLoop {
                    tunnel.value.read(continuation)
                } else {
                    loop.execute { tunnel.value.read(continuation) }
                }
            }
        } onCancel: {
            loop.execute { tunnel.value.cancelRead() }
        }
        return piece.map { Bytes($0) }
    }

    /// Sends bytes, and returns when the connection has taken them.
    ///
    /// - Throws: ``MTLSError`` with ``MTLSError/Code/connectionLost``.
    public func write(_ bytes: some Sequence<UInt8>) async throws {
        let buffer = (bytes as? Bytes)?.buffer ?? ByteBuffer(bytes: bytes)
        do {
            try await channel.writeAndFlush(buffer).get()
        } catch {
            throw MTLSError(
                .connectionLost, phase: .request, fault: .network, "the connection was lost: \(error)",
                underlying: error)
        }
    }

    /// Says that nothing more will be sent; reading goes on.
    public func closeOutput() async throws {
        try await channel.close(mode: .output).get()
    }

    /// Closes the connection.
    public func close() {
        channel.close(promise: nil)
    }
}

extension Client {
    /// What came of a wish to switch protocols.
    public enum Upgrade: Sendable {
        /// The server switched: its response, and the connection.
        case switched(Response, UpgradedConnection)
        /// The server answered with an ordinary response.
        case declined(Response)
    }

    /// Asks the server to switch to another protocol: by `Upgrade` and `Connection` fields (RFC 9110 §7.8), or by the
    /// method CONNECT, whose target is the request's authority, with its port.
    ///
    /// - Throws: ``MTLSError``.
    @concurrent
    public func upgrade(_ request: HTTPRequest, timeouts: Timeouts? = nil) async throws -> Upgrade {
        let head = try FieldRules.head(of: request, at: origin, body: .empty, asTunnel: true)
        let job = RequestJob(head: head, body: .none, timeouts: limits(timeouts), allowsUpgrade: true)
        let response = try await run(job)
        return response.upgraded.map { .switched(response, $0) } ?? .declined(response)
    }
}

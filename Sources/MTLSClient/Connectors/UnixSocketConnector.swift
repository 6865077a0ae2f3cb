import GnuTLSNIO
public import MTLSCore
import NIOCore
import NIOPosix

/// Connects to a Unix socket, whatever the endpoint: it names the `Host` field, and what a TLS connector verifies.
public struct UnixSocketConnector: Connector {
    private let path: String

    /// Connects to the socket at `path`, which has at most 103 bytes.
    public init(path: String) {
        self.path = path
    }

    /// Connects.
    ///
    /// - Throws: ``MTLSError`` with ``MTLSError/Code/connectFailed`` or ``MTLSError/Code/timeoutConnect``.
    public func connect(to endpoint: Endpoint, context: ConnectContext) async throws -> Connection {
        func failure(_ reason: String, _ fault: MTLSError.Fault, _ underlying: (any Error)? = nil) -> MTLSError {
            MTLSError(
                .connectFailed, phase: .connect, fault: fault,
                "no connection to the Unix socket \"\(path)\" could be made: \(reason)",
                origin: context.origin.description, underlying: underlying)
        }
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw failure("the path is empty or holds a NUL byte", .caller)
        }
        guard path.utf8.count <= 103 else {
            throw failure("the path has \(path.utf8.count) bytes, and there is room for 103", .caller)
        }
        let limit = context.timeouts.limit(of: .connect)
        do {
            let channel = try await ClientBootstrap(group: context.eventLoop)
                .channelOption(.autoRead, value: false)
                .channelOption(.recvAllocator, value: ReadSize.allocator)
                .channelOption(.maxMessagesPerRead, value: ReadSize.readsAtOnce)
                .connectTimeout(limit.map { TimeAmount($0) } ?? .hours(24))
                .connect(unixDomainSocketPath: path).get()
            return Connection(channel: channel)
        } catch ChannelError.connectTimeout {
            throw MTLSError(
                .timeoutConnect, phase: .connect, fault: .peer,
                "the Unix socket \"\(path)\" accepted no connection within \(limit?.forPeople ?? "")",
                origin: context.origin.description)
        } catch {
            throw failure(reason(error), .peer, error)
        }
    }
}

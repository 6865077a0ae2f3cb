public import MTLSCore
import NIOCore

/// Makes TCP connections: every address of the host is tried, the families in turn (RFC 8305), without Nagle's
/// algorithm, which under TLS 1.3 would hold back the request until the client's certificate was acknowledged.
///
/// ``Timeouts/connect`` limits the whole, from the name's resolution to the connection.
public struct TCPConnector: Connector {
    private let options: TCPOptions
    private let resolver: any Resolver
    private let route: @Sendable (Endpoint) -> Endpoint

    /// Connects to where the endpoint's name leads.
    ///
    /// - Parameters:
    ///   - options: Local address and keep-alive.
    ///   - resolver: Finds the addresses of names.
    public init(_ options: TCPOptions = TCPOptions(), resolver: any Resolver = SystemResolver()) {
        self.init(options, resolver: resolver) { $0 }
    }

    /// Connects to where `route` says, which changes neither the name that a TLS connector verifies nor the `Host`
    /// field.
    public init(
        _ options: TCPOptions = TCPOptions(), resolver: any Resolver = SystemResolver(),
        route: @escaping @Sendable (Endpoint) -> Endpoint
    ) {
        self.options = options
        self.resolver = resolver
        self.route = route
    }

    /// Makes a TCP connection. When it is cancelled it returns at once.
    ///
    /// - Throws: ``MTLSError`` with ``MTLSError/Code/resolveFailed``, ``MTLSError/Code/connectFailed``,
    ///   ``MTLSError/Code/localAddressUnavailable``, ``MTLSError/Code/timeoutConnect`` or
    ///   ``MTLSError/Code/cancelled``.
    public func connect(to endpoint: Endpoint, context: ConnectContext) async throws -> Connection {
        let target = route(endpoint)
        guard (1...65535).contains(target.port) else {
            throw MTLSError(
                .connectFailed, phase: .connect, fault: .caller, "\(target) has no port within 1 to 65535",
                origin: context.origin.description)
        }
        let loop = context.eventLoop
        do {
            let limit = context.timeouts.limit(of: .connect)
            let start = Deadline.now
            let addresses = try await resolver.addresses(of: target, within: limit, on: loop)
            let promise = loop.makePromise(of: (any Channel).self)
            let attempt = NIOLoopBoundBox<TCPAttempt>.makeBoxSendingValue(
                TCPAttempt(target, options: options, loop: loop, promise: promise), eventLoop: loop)
            return try await withTaskCancellationHandler {
                loop.hereOrLater { attempt.value.start(addresses, limit: limit, since: start) }
                return Connection(channel: try await promise.futureResult.get())
            } onCancel: {
                loop.execute { attempt.value.cancel() }
            }
        } catch let error as MTLSError {
            throw error.at(context.origin.description)
        }
    }
}

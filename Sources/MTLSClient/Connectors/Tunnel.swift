import MTLSCore
import NIOCore
import SecretMemory

/// A proxy, and the connector that leads to it.
struct Tunnel: Sendable {
    let proxy: Proxy
    let transport: any Connector

    /// Connects to the proxy and negotiates. Whatever fails is the proxy's, and the error says so.
    func open(
        _ negotiation: any TunnelNegotiation, credentials: SecretBytes, context: ConnectContext
    ) async throws -> Connection {
        do {
            let channel = try await transport.connect(to: proxy.endpoint, context: context).channel
            let completion = channel.eventLoop.makePromise(of: Void.self)
            let limit = context.timeouts.limit(of: .connect)
            return try await withTaskCancellationHandler {
                channel.eventLoop.execute {
                    let handler = TunnelHandler(
                        negotiation, credentials: credentials, limit: limit, completion: completion)
                    do {
                        try channel.pipeline.syncOperations.addHandler(handler)
                    } catch {
                        completion.fail(error)
                    }
                }
                try await completion.futureResult.get()
                // It proves nothing about who is at the other end.
                return Connection(channel: channel, security: .plaintext)
            } onCancel: {
                channel.close(promise: nil)
            }
        } catch {
            try Task.checkCancellation()
            throw (error as? MTLSError)?.onTheWay(to: proxy) ?? error
        }
    }
}

extension MTLSError {
    /// The same error, as one of the connection to a proxy and not of that to the origin.
    func onTheWay(to proxy: Proxy) -> MTLSError {
        guard phase != .proxy, code != .cancelled else { return self }
        return MTLSError(
            code, phase: .proxy, fault: fault, "on the way to the proxy \(proxy): \(message)", advice: advice,
            origin: origin, underlying: self)
    }
}

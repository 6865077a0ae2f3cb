import GnuTLSNIO
import Logging
import MTLSCore

/// Takes down what happens in a pool: figures, metrics, log, and the observer. Lives on the pool's event loop.
///
/// Without metrics, observer and a logger at `debug` a request costs two additions here.
final class PoolJournal {
    private let origin: Origin
    private let logger: Logger
    private let metrics: ClientMetrics?
    private let observer: (any ClientObserver)?
    private let watchesRequests: Bool
    private var starts: [Int: Deadline] = [:]
    /// What was counted so far; the rest of the figures is the pool's to fill in.
    private(set) var figures = ClientStatistics()

    init(origin: Origin, logger: Logger, metrics: ClientMetrics?, observer: (any ClientObserver)?) {
        self.origin = origin
        var logger = logger
        logger[metadataKey: "mtls.origin"] = "\(origin)"
        self.logger = logger
        self.metrics = metrics
        self.observer = observer
        watchesRequests = metrics != nil || observer != nil || logger.logLevel <= .debug
    }

    /// The logger of what concerns one connection.
    func logger(of connection: Int) -> Logger {
        var logger = logger
        logger[metadataKey: "mtls.connection.id"] = .stringConvertible(connection)
        return logger
    }

    func impossible(_ violation: InvariantViolation) {
        logger.error("the connection pool met an impossible event", metadata: ["error": "\(violation)"])
    }

    // MARK: Requests

    /// - Returns: The request's number.
    func requestBegan() -> Int {
        figures.requests += 1
        metrics?.requestBegan()
        return figures.requests
    }

    /// - Parameter status: Made out only if somebody wants to know.
    func requestEnded(
        _ job: RequestJob, status: @autoclosure () -> Int?, error: MTLSError?, on connection: Int?
    ) {
        if error != nil { figures.failedRequests += 1 }
        guard watchesRequests else { return }
        let status = status()
        let duration = Deadline.now - job.start
        let name = name(of: job)
        metrics?.requestEnded(HTTPMethodName.label(name.method), status: status, error: error, after: duration)
        observer?.ended(name, status: status, error: error, after: duration)
        guard logger.logLevel <= .debug else { return }
        var metadata: Logger.Metadata = [
            "mtls.request.id": "\(name.id)", "http.request.method": "\(name.method)", "url.path": "\(name.path)",
            "mtls.duration.ms": "\(duration.saturatedNanoseconds / 1_000_000)",
        ]
        if let status { metadata["http.response.status_code"] = "\(status)" }
        if let connection { metadata["mtls.connection.id"] = "\(connection)" }
        if let error { metadata["error.type"] = "\(error.shortDescription)" }
        logger.debug("\(error == nil ? "request ended" : "request failed")", metadata: metadata)
    }

    func requestRetried(_ job: RequestJob, after error: MTLSError, on connection: Int) {
        figures.retries += 1
        metrics?.requestRetried()
        observer?.retried(name(of: job), error: error)
        logger(of: connection).debug(
            "request is sent once more", metadata: ["mtls.request.id": "\(job.number)", "error": "\(error)"])
    }

    private func name(of job: RequestJob) -> RequestName {
        let path = job.head.target.prefix { $0 != "?" }
        return RequestName(origin: origin, id: job.number, method: job.head.method.rawValue, path: String(path))
    }

    // MARK: Connections

    func connecting(_ id: Int) {
        starts[id] = .now
        observer?.connecting(ConnectionName(origin: origin, id: id))
        if logger.logLevel <= .debug { logger(of: id).debug("connecting") }
    }

    func connectFailed(_ id: Int, _ error: MTLSError) {
        let duration = age(of: id)
        starts[id] = nil
        figures.failedConnections += 1
        metrics?.connectFailed(error)
        observer?.connectFailed(ConnectionName(origin: origin, id: id), error: error, after: duration)
        logger(of: id).debug("no connection", metadata: ["error": "\(error)", "error.type": "\(error.code)"])
    }

    func connected(_ id: Int, _ handshake: HandshakeSummary?) {
        let duration = age(of: id)
        figures.connections += 1
        if let handshake {
            if handshake.isResumed { figures.resumedHandshakes += 1 } else { figures.fullHandshakes += 1 }
            if handshake.madeSignature { figures.signatures += 1 }
        }
        metrics?.connected(handshake)
        observer?.connected(ConnectionName(origin: origin, id: id), handshake: handshake, after: duration)
        guard logger.logLevel <= .debug else { return }
        var metadata: Logger.Metadata = ["mtls.duration.ms": "\(duration.saturatedNanoseconds / 1_000_000)"]
        if let handshake {
            metadata["tls.protocol.version"] = "\(handshake.version.rawValue)"
            metadata["tls.cipher"] = "\(handshake.cipherSuite)"
            metadata["tls.resumed"] = "\(handshake.isResumed)"
            if let shown = handshake.clientCertificate { metadata["tls.client.subject"] = "\(shown.subject)" }
            if handshake.madeSignature {
                let signature = handshake.signatureDuration.saturatedNanoseconds / 1_000_000
                metadata["mtls.signature.ms"] = "\(signature)"
            }
        }
        logger(of: id).debug("connected", metadata: metadata)
    }

    func closed(_ id: Int, _ reason: ConnectionEnd, _ error: MTLSError?) {
        let duration = age(of: id)
        starts[id] = nil
        metrics?.closed(reason, after: duration)
        observer?.closed(ConnectionName(origin: origin, id: id), reason: reason, error: error)
        guard logger.logLevel <= .debug else { return }
        var metadata: Logger.Metadata = ["reason": "\(reason)"]
        if let error { metadata["error"] = "\(error)" }
        logger(of: id).debug("connection closed", metadata: metadata)
    }

    private func age(of id: Int) -> Duration { starts[id].map { Deadline.now - $0 } ?? .zero }
}

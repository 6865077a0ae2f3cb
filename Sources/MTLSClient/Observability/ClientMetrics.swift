import CoreMetrics
import GnuTLSNIO
import MTLSCore

/// The metrics of one client, by the names of OpenTelemetry's conventions for HTTP clients where these have one.
///
/// Labels come out of bounded sets, and none names the origin. Each metric is made once per set of labels. Lives on one
/// event loop.
final class ClientMetrics {
    private struct RequestLabels: Hashable {
        let method: String
        let status: Int?
        let error: String?

        var dimensions: [(String, String)] {
            var dimensions = [("http.request.method", method)]
            if let status { dimensions.append(("http.response.status_code", "\(status)")) }
            if let error { dimensions.append(("error.type", error)) }
            return dimensions
        }
    }

    private let factory: any MetricsFactory
    private let activeRequests: Meter
    private let openConnections: Meter
    private let retries: Counter
    private let signatures: Counter
    private let signatureDuration: Timer
    private var requestDurations: [RequestLabels: Timer] = [:]
    private var handshakeDurations: [Bool: Timer] = [:]
    private var connectFailures: [String: Counter] = [:]
    private var connectionDurations: [ConnectionEnd: Timer] = [:]

    /// Nil if nobody collects metrics.
    init?(_ factory: any MetricsFactory) {
        guard !(factory is NOOPMetricsHandler) else { return nil }
        self.factory = factory
        activeRequests = Meter(label: "http.client.active_requests", factory: factory)
        openConnections = Meter(label: "http.client.open_connections", factory: factory)
        retries = Counter(label: "mtls.client.retries", factory: factory)
        signatures = Counter(label: "mtls.client.signatures", factory: factory)
        signatureDuration = Timer(label: "mtls.client.signature.duration", factory: factory)
    }

    func requestBegan() { activeRequests.increment() }

    func requestEnded(_ method: String, status: Int?, error: MTLSError?, after duration: Duration) {
        activeRequests.decrement()
        let labels = RequestLabels(method: method, status: status, error: error?.shortDescription)
        let timer =
            requestDurations[labels]
            ?? Timer(label: "http.client.request.duration", dimensions: labels.dimensions, factory: factory)
        requestDurations[labels] = timer
        timer.recordNanoseconds(duration.saturatedNanoseconds)
    }

    func requestRetried() { retries.increment() }

    func connected(_ handshake: HandshakeSummary?) {
        openConnections.increment()
        guard let handshake else { return }
        let isResumed = handshake.isResumed
        let timer =
            handshakeDurations[isResumed]
            ?? Timer(
                label: "mtls.client.handshake.duration",
                dimensions: [("tls.resumed", isResumed ? "true" : "false")], factory: factory)
        handshakeDurations[isResumed] = timer
        timer.recordNanoseconds(handshake.duration.saturatedNanoseconds)
        guard handshake.madeSignature else { return }
        signatures.increment()
        signatureDuration.recordNanoseconds(handshake.signatureDuration.saturatedNanoseconds)
    }

    func connectFailed(_ error: MTLSError) {
        let label = error.shortDescription
        let counter =
            connectFailures[label]
            ?? Counter(label: "mtls.client.connect.failures", dimensions: [("error.type", label)], factory: factory)
        connectFailures[label] = counter
        counter.increment()
    }

    func closed(_ reason: ConnectionEnd, after duration: Duration) {
        openConnections.decrement()
        let timer =
            connectionDurations[reason]
            ?? Timer(
                label: "http.client.connection.duration", dimensions: [("mtls.close.reason", reason.rawValue)],
                factory: factory)
        connectionDurations[reason] = timer
        timer.recordNanoseconds(duration.saturatedNanoseconds)
    }
}

extension HandshakeSummary {
    /// Whether the client's key signed in it.
    var madeSignature: Bool { !isResumed && clientCertificate != nil }
}

/// The names of methods, as OpenTelemetry would have them.
enum HTTPMethodName {
    private static let known: Set<String> = [
        "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE",
    ]

    /// The method as a label: `_OTHER` stands for those that are not of RFC 9110 or RFC 5789.
    static func label(_ method: String) -> String { known.contains(method) ? method : "_OTHER" }
}

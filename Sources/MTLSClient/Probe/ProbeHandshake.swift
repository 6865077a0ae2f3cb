import GnuTLS
import GnuTLSNIO
import MTLSCore
import MTLSIdentity
import NIOCore
import Synchronization

/// A handshake in which no identity is shown, and so nothing is signed. It goes on when the server is not trusted, to see
/// what it asks for; nothing is sent after it.
struct ProbeHandshake: Sendable {
    let endpoint: Endpoint
    let name: String
    let expected: ServerName
    /// nil where the trust anchors could not be loaded.
    let evaluator: TrustEvaluator?
    let connector: any Connector
    let context: ConnectContext
    let settings: TLSSettings

    /// What was seen.
    struct Sighting: Sendable {
        var connect: Duration?
        var summary: HandshakeSummary?
        var chain: [[UInt8]]?
        var refusal: MTLSError?
        var request: CertificateRequest?
        var isStapled: Bool?
        var failure: MTLSError?
        /// What ended the connection after the handshake.
        var end: MTLSError?

        /// The server ended the connection because it misses a certificate: in the handshake or, under TLS 1.3, after it.
        var missingCertificate: MTLSError? {
            if let failure { return failure.code == .clientCertificateRequired ? failure : nil }
            guard summary?.version == .v1_3, request != nil, let end, end.code == .clientCertificateRequired,
                case .alert(let alert)? = (end.underlying as? TLSFailure)?.kind
            else { return nil }
            // OpenSSL answers the end of our side by decode_error, whatever it thinks of certificates.
            return alert.number == 50 ? nil : end
        }

        var demand: ProbeReport.Demand? {
            if missingCertificate != nil { return .required }
            if request != nil { return .requested }
            return summary == nil ? nil : ProbeReport.Demand.none
        }
    }

    func look(offering version: TLSVersion) async -> Sighting {
        let record = Record()
        do {
            try await look(version, record)
        } catch {
            record.fail(error)
        }
        return record.sighting.withLock { $0 }
    }

    private func look(_ version: TLSVersion, _ record: Record) async throws {
        let tls = try TLSContext(
            role: .client,
            options: TLSOptions(
                minimumVersion: version, maximumVersion: version, applicationProtocols: settings.applicationProtocols,
                priority: settings.priority))
        let start = ContinuousClock.now
        let channel = try await connector.connect(to: endpoint, context: context).channel
        record.sighting.withLock { $0.connect = .now - start }
        let loop = channel.eventLoop
        let completion = loop.makePromise(of: HandshakeSummary.self)
        let end = loop.makePromise(of: Void.self)
        try await withTaskCancellationHandler {
            let handler = try await loop.submit {
                let handler = GnuTLSHandler(configuration: configuration(tls, record), completion: completion)
                do {
                    try channel.pipeline.syncOperations.addHandlers([handler, LastWord(record, end)])
                } catch {
                    completion.fail(error)
                    end.succeed()
                    throw error
                }
                return NIOLoopBound(handler, eventLoop: loop)
            }.get()
            let summary = try await completion.futureResult.get()
            let limit = TimeAmount(context.timeouts.limit(of: .handshake) ?? .seconds(10))
            let timer = loop.scheduleTask(in: min(limit, .seconds(3))) { end.succeed() }
            try await loop.submit {
                record.sighting.withLock { sighting in
                    sighting.summary = summary
                    sighting.isStapled = handler.value.hasPeerStaple
                }
                handler.value.endTransportOutput()
                channel.read()
            }.get()
            try await end.futureResult.get()
            timer.cancel()
            channel.close(promise: nil)
        } onCancel: {
            channel.close(promise: nil)
        }
    }

    private func configuration(_ tls: TLSContext, _ record: Record) -> HandshakeConfiguration {
        var configuration = HandshakeConfiguration(context: tls, peerName: endpoint.description) { peer, _ in
            var refusal: MTLSError?
            if let evaluator, case .failure(let error) = evaluator.verdict(on: peer, for: expected, name: name) {
                refusal = error
            }
            let chain = peer.der
            record.sighting.withLock { [refusal] sighting in
                sighting.chain = chain
                sighting.refusal = refusal
            }
            return .success(())
        }
        configuration.serverName = name
        configuration.handshakeTimeout = context.timeouts.limit(of: .handshake)
        configuration.choose = { request in
            record.sighting.withLock { $0.request = request }
            return nil
        }
        return configuration
    }

    private final class Record: Sendable {
        let sighting = Mutex(Sighting())

        func fail(_ error: any Error) {
            let error = MTLSError.wrapping(error, .handshakeFailed, .handshake)
            sighting.withLock { sighting in
                if sighting.summary == nil { sighting.failure = error } else { sighting.end = sighting.end ?? error }
            }
        }
    }

    /// Hears what the server has to say when the handshake is over, to the end.
    private final class LastWord: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let record: Record
        private let end: EventLoopPromise<Void>

        init(_ record: Record, _ end: EventLoopPromise<Void>) {
            self.record = record
            self.end = end
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

        func channelReadComplete(context: ChannelHandlerContext) { context.read() }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            record.fail(error)
        }

        func channelInactive(context: ChannelHandlerContext) { end.succeed() }

        func handlerRemoved(context: ChannelHandlerContext) { end.succeed() }
    }
}

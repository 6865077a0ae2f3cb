@testable import GnuTLS

/// A transport in memory: what is pushed gathers until the test takes it.
final class Wire: TLSTransport {
    var inbound: ArraySlice<UInt8> = []
    var outbound: [UInt8] = []
    var hasEnded = false
    /// How often something was pulled from an empty wire.
    private(set) var dryPulls = 0

    var hasInput: Bool { !inbound.isEmpty || hasEnded }
    var pendingBytes: Int { inbound.count }

    func pull(into buffer: UnsafeMutableRawBufferPointer) -> PullResult {
        guard !inbound.isEmpty else {
            if !hasEnded { dryPulls += 1 }
            return hasEnded ? .end : .dry
        }
        let part = inbound.prefix(buffer.count)
        buffer.copyBytes(from: part)
        inbound = inbound.dropFirst(part.count)
        return .bytes(part.count)
    }

    func push(_ bytes: UnsafeRawBufferPointer) { outbound += bytes }

    func take() -> [UInt8] {
        defer { outbound = [] }
        return outbound
    }
}

/// One side of a connection: a session that is stepped whenever something has arrived.
final class Side {
    let session: TLSSession
    let wire: Wire
    /// What is answered when a verdict is wanted; nil leaves the handshake waiting.
    var verdict: Result<Void, any Error>? = .success(())
    /// Whether steps after the verdict may wait for a key.
    var mayBlock = true
    private(set) var isDone = false
    private(set) var failure: TLSFailure?
    /// How often a step ended wanting a verdict.
    private(set) var pauses = 0
    /// The chain at the first of them.
    private(set) var judged: [[UInt8]]?

    init(
        _ context: TLSContext, serverName: String? = nil, clientCertificate: ClientCertificateDemand = .ignored,
        authenticatesLater: Bool = false, choose: @escaping (CertificateRequest) throws -> CertifiedKey?
    ) throws {
        wire = Wire()
        session = try TLSSession(
            context: context, transport: wire, serverName: serverName, clientCertificate: clientCertificate,
            authenticatesLater: authenticatesLater)
        session.choose = choose
    }

    func step() {
        guard !isDone, failure == nil else { return }
        do {
            while true {
                switch try session.step(mayBlock: mayBlock && session.isPeerAccepted) {
                case .done:
                    isDone = true
                    return
                case .needsInput:
                    return
                case .needsVerdict:
                    pauses += 1
                    judged = judged ?? session.peerChain
                    switch verdict {
                    case nil: return
                    case .success: session.accept()
                    case .failure(let reason): session.refuse(reason)
                    }
                }
            }
        } catch {
            failure = error
        }
    }

    /// Another exchange begins.
    func resume() {
        isDone = false
        step()
    }

    /// Everything that can be decrypted now, and how the reading ended.
    func receive(chunk: Int = 1 << 14) throws -> (bytes: [UInt8], end: TLSSession.Read) {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: chunk)
        while true {
            let read = try buffer.withUnsafeMutableBytes { bytes in try session.read(into: bytes) }
            guard case .bytes(let count) = read else { return (all, read) }
            all += buffer.prefix(count)
        }
    }

    func send(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { bytes in try session.write(bytes) }
    }
}

/// A client and a server that are connected by nothing but the test.
final class SessionPair {
    let client: Side
    let server: Side
    /// The sizes of what was carried over, in order.
    private(set) var flights: [Int] = []

    init(client: Side, server: Side) {
        self.client = client
        self.server = server
    }

    /// Carries ciphertext to and fro and steps, until nothing moves any more.
    ///
    /// - Parameter cut: The sizes of the pieces that a flight is delivered in, by its number and size.
    func shake(cut: (_ flight: Int, _ size: Int) -> [Int] = { _, size in [size] }) {
        client.step()
        server.step()
        while deliver(from: client, to: server, cut) || deliver(from: server, to: client, cut) {}
    }

    private func deliver(from sender: Side, to receiver: Side, _ cut: (Int, Int) -> [Int]) -> Bool {
        var flight = sender.wire.take()[...]
        guard !flight.isEmpty else { return false }
        let pieces = cut(flights.count, flight.count)
        flights.append(flight.count)
        for piece in pieces {
            receiver.wire.inbound += flight.prefix(piece)
            flight = flight.dropFirst(piece)
            receiver.step()
        }
        return true
    }

    /// Carries over what both have pushed, without stepping.
    func exchange() {
        server.wire.inbound += client.wire.take()
        client.wire.inbound += server.wire.take()
    }
}

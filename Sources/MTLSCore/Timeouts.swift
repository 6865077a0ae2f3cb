/// How long each step of a request may take. Every limit has its own error, and `nil`, zero or less means no limit.
public struct Timeouts: Hashable, Sendable {
    /// The wait for a connection of the pool to come free. It does not run out while a connection is being made for the
    /// request: that has the limits `connect`, `handshake` and `signature`. Error: `timeout.wait`.
    public var wait: Duration?
    /// The transport connection, from the name's resolution through all addresses of the host; with a proxy, that to the
    /// proxy, and once more the tunnel from there. Error: `timeout.connect`.
    public var connect: Duration?
    /// The TLS handshake, but for the time in which the key is signing. Error: `timeout.handshake`.
    public var handshake: Duration?
    /// One signature of the key, with the time a person needs to touch the token. Error: `timeout.signature`.
    public var signature: Duration?
    /// From the last byte of the request that was sent to the head of the response, and while the server takes nothing
    /// of a request body. Interim responses (1xx) do not start it anew. Error: `timeout.responseHead`.
    public var responseHead: Duration?
    /// Between two chunks of the response's body, while the program waits for one. Error: `timeout.body`.
    public var bodyChunk: Duration?
    /// The whole request, from the call to the end of the response's body, with waits, retries and redirects.
    /// Error: `timeout.request`.
    public var request: Duration?

    /// How long a request that says `Expect: 100-continue` waits for the server's consent before its body is sent all
    /// the same; 1 s (RFC 9110 §10.1.1). Its end is no error.
    public var consent: Duration? = .seconds(1)

    /// Sets the limits.
    ///
    /// - Parameters:
    ///   - wait: For a connection of the pool; 30 s.
    ///   - connect: For the transport connection; 10 s.
    ///   - handshake: For the TLS handshake; 10 s.
    ///   - signature: For one signature; 60 s.
    ///   - responseHead: For the response's head; 300 s.
    ///   - bodyChunk: For the next chunk of the response's body; 300 s.
    ///   - request: For the whole request; none.
    public init(
        wait: Duration? = .seconds(30), connect: Duration? = .seconds(10), handshake: Duration? = .seconds(10),
        signature: Duration? = .seconds(60), responseHead: Duration? = .seconds(300),
        bodyChunk: Duration? = .seconds(300), request: Duration? = nil
    ) {
        self.wait = wait
        self.connect = connect
        self.handshake = handshake
        self.signature = signature
        self.responseHead = responseHead
        self.bodyChunk = bodyChunk
        self.request = request
    }

    /// The steps that have a limit.
    package enum Step: String, CaseIterable, Sendable {
        case wait, connect, handshake, signature, responseHead, bodyChunk, request
    }

    /// The limit of `step`, or `nil` if it has none.
    package func limit(of step: Step) -> Duration? {
        let limit =
            switch step {
            case .wait: wait
            case .connect: connect
            case .handshake: handshake
            case .signature: signature
            case .responseHead: responseHead
            case .bodyChunk: bodyChunk
            case .request: request
            }
        return limit.flatMap { $0 > .zero ? $0 : nil }
    }

    /// How long a connection may take in all, with a proxy before the origin: each is connected to, and each may demand a
    /// handshake and a signature. Nil if one of these has no limit.
    package var ofAttempt: Duration? {
        guard let connect = limit(of: .connect), let handshake = limit(of: .handshake),
            let signature = limit(of: .signature)
        else { return nil }
        return (connect + handshake + signature) * 2
    }

    /// When `step`, begun at `start`, is over its limit.
    package func deadline(of step: Step, from start: Deadline) -> Deadline {
        limit(of: step).map { start + $0 } ?? .distantFuture
    }
}

extension MTLSError {
    /// The error of a step that took longer than `limit`.
    ///
    /// - Parameters:
    ///   - step: What took too long.
    ///   - phase: How far the request had come; the step's own phase if `nil`.
    ///   - underlying: The last failed try, if there was one.
    package static func timeout(
        _ step: Timeouts.Step, limit: Duration, origin: Origin, phase: Phase? = nil, underlying: (any Error)? = nil
    ) -> MTLSError {
        let host = origin.endpoint
        let (code, ownPhase, fault, what): (Code, Phase, Fault, String) =
            switch step {
            case .wait: (.timeoutWait, .wait, .caller, "no connection to \(host) came free")
            case .connect: (.timeoutConnect, .connect, .network, "\(host) accepted no connection")
            case .handshake: (.timeoutHandshake, .handshake, .peer, "the TLS handshake with \(host) did not end")
            case .signature: (.timeoutSignature, .sign, .token, "the key did not sign for \(host)")
            case .responseHead: (.timeoutResponseHead, .response, .peer, "\(host) sent no response")
            case .bodyChunk: (.timeoutBody, .response, .peer, "\(host) stopped in the middle of the response's body")
            case .request: (.timeoutRequest, .request, .caller, "the request to \(host) was not finished")
            }
        var message = "\(what) within \(limit.forPeople)"
        if let underlying { message += "; the last failure: \(underlying)" }
        return MTLSError(
            code, phase: phase ?? ownPhase, fault: fault, message, advice: advice(for: step),
            origin: origin.description, underlying: underlying)
    }

    private static func advice(for step: Timeouts.Step) -> String {
        let option = "raise Timeouts.\(step.rawValue)"
        return switch step {
        case .wait: "raise the pool's connection limit, or \(option)"
        case .connect: "see whether the host and port are right and no firewall is in the way, or \(option)"
        case .signature: "see whether the token waits for a touch or a PIN, or \(option)"
        case .handshake, .responseHead, .bodyChunk, .request: option
        }
    }
}

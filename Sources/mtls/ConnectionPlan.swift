import MTLSClient

/// What the options say of connections.
struct ConnectionPlan {
    var tls = TLSSettings()
    var timeouts = Timeouts()
    var routes: Routes
    /// Files of trust anchors; the system's when there are none.
    var anchors: [String]
    var trustsAnything: Bool
    let transport: TransportPlan
    let proxy: ProxyPlan
    /// Where the secrets of the connections go.
    var keyLog: String?

    init(_ options: ConnectionOptions, transport: TransportPlan, proxy: ProxyPlan) throws(UsageError) {
        self.transport = transport
        self.proxy = proxy
        routes = try Routes(resolve: options.resolve, connectTo: options.connectTo)
        anchors = options.cacert
        trustsAnything = options.insecure
        tls.allowsRenegotiation = options.renegotiate
        keyLog = options.keyLog
        tls.minimumVersion = options.tls13 ? .v1_3 : .v1_2
        tls.maximumVersion = try Self.version(options.tlsMax)
        if options.noSessionID { tls.resumption = .off }
        guard tls.minimumVersion <= tls.maximumVersion else {
            throw UsageError("--tlsv1.3 and --tls-max 1.2 exclude each other")
        }

        // curl's own limits: five minutes to connect, and none for a response.
        let connect = try options.connectTimeout.map { (text) throws(UsageError) in
            try Self.seconds(text, "--connect-timeout")
        }
        let limit = connect.flatMap { $0 > .zero ? $0 : nil } ?? .seconds(300)
        timeouts = Timeouts(wait: nil, connect: limit, handshake: limit, responseHead: nil, bodyChunk: nil)
        if let text = options.maxTime { timeouts.request = try Self.seconds(text, "--max-time") }
    }

    var trust: Trust { .named(anchors, acceptsAnything: trustsAnything) }

    private static func version(_ text: String?) throws(UsageError) -> TLSVersion {
        switch text {
        case nil, "1.3", "default": .v1_3
        case "1.2": .v1_2
        case let other?: throw UsageError("--tls-max takes 1.2 or 1.3, not '\(other)'")
        }
    }

    /// Seconds, which need not be whole.
    static func seconds(_ text: String, _ option: String) throws(UsageError) -> Duration {
        guard text.allSatisfy({ $0.isASCII && $0.isNumber || $0 == "." }), let seconds = Double(text),
            seconds <= 1e9
        else { throw UsageError("\(option) takes seconds, such as 2.5, not '\(text)'") }
        return .seconds(seconds)
    }
}

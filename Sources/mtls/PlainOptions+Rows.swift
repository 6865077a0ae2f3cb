extension PlainOptions {
    /// All options of a request, in the order of their groups.
    static let rows: [Row] = [
        // MessageOptions
        value("--request", "-X") { $0.message.request = $1 },
        list("--header", "-H") { $0.message.header = $1 },
        list("--data", "-d") { $0.message.data = $1 },
        list("--data-binary") { $0.message.dataBinary = $1 },
        value("--upload-file", "-T") { $0.message.uploadFile = $1 },
        flag("--head", "-I") { $0.message.head = $1 },
        // FollowOptions
        flag("--location", "-L") { $0.follow.location = $1 },
        value("--max-redirs") { $0.follow.maxRedirs = $1 },
        value("--retry") { $0.follow.retry = $1 },
        value("--retry-delay") { $0.follow.retryDelay = $1 },
        value("--retry-max-time") { $0.follow.retryMaxTime = $1 },
        flag("--compressed") { $0.follow.compressed = $1 },
        // OutputOptions
        list("--output", "-o") { $0.output.output = $1 },
        flag("--include", "-i") { $0.output.include = $1 },
        flag("--fail", "-f") { $0.output.fail = $1 },
        flag("--fail-early") { $0.output.failEarly = $1 },
        value("--write-out", "-w") { $0.output.writeOut = $1 },
        flag("--verbose", "-v") { $0.output.verbose = $1 },
        flag("--silent", "-s") { $0.output.silent = $1 },
        flag("--show-error", "-S") { $0.output.showError = $1 },
        // IdentityOptions
        value("--cert", "-E") { $0.identity.cert = $1 },
        value("--cert-type") { $0.identity.certType = $1 },
        value("--key") { $0.identity.key = $1 },
        value("--key-type") { $0.identity.keyType = $1 },
        value("--pin-source") { $0.identity.pinSource = $1 },
        value("--pin-env") { $0.identity.pinEnv = $1 },
        value("--pass-source") { $0.identity.passSource = $1 },
        value("--pass-env") { $0.identity.passEnv = $1 },
        value("--pass") { $0.identity.pass = $1 },
        value("--module") { $0.identity.module = $1 },
        // ConnectionOptions
        list("--cacert") { $0.connection.cacert = $1 },
        list("--capath") { $0.connection.capath = $1 },
        list("--crlfile") { $0.connection.crlfile = $1 },
        value("--pinnedpubkey") { $0.connection.pinnedpubkey = $1 },
        flag("--cert-status") { $0.connection.certStatus = $1 },
        flag("--insecure", "-k") { $0.connection.insecure = $1 },
        list("--resolve") { $0.connection.resolve = $1 },
        list("--connect-to") { $0.connection.connectTo = $1 },
        flag("--http1.1") { $0.connection.http11 = $1 },
        flag("--tlsv1.2") { $0.connection.tls12 = $1 },
        flag("--tlsv1.3") { $0.connection.tls13 = $1 },
        value("--tls-max") { $0.connection.tlsMax = $1 },
        flag("--no-sessionid") { $0.connection.noSessionID = $1 },
        flag("--renegotiate") { $0.connection.renegotiate = $1 },
        value("--key-log") { $0.connection.keyLog = $1 },
        value("--connect-timeout") { $0.connection.connectTimeout = $1 },
        value("--max-time", "-m") { $0.connection.maxTime = $1 },
        // TransportOptions
        value("--unix-socket") { $0.transport.unixSocket = $1 },
        value("--interface") { $0.transport.interface = $1 },
        value("--keepalive-time") { $0.transport.keepaliveTime = $1 },
        value("--keepalive-cnt") { $0.transport.keepaliveCnt = $1 },
        flag("--no-keepalive") { $0.transport.noKeepalive = $1 },
        // ProxyOptions
        value("--proxy", "-x") { $0.proxy.proxy = $1 },
        value("--socks5") { $0.proxy.socks5 = $1 },
        value("--socks5-hostname") { $0.proxy.socks5Hostname = $1 },
        value("--noproxy") { $0.proxy.noproxy = $1 },
        value("--proxy-user", "-U") { $0.proxy.proxyUser = $1 },
        value("--proxy-password-source") { $0.proxy.proxyPasswordSource = $1 },
        value("--proxy-password-env") { $0.proxy.proxyPasswordEnv = $1 },
        value("--proxy-cert") { $0.proxy.proxyCert = $1 },
        value("--proxy-key") { $0.proxy.proxyKey = $1 },
        value("--proxy-pin-source") { $0.proxy.proxyPinSource = $1 },
        value("--proxy-pin-env") { $0.proxy.proxyPinEnv = $1 },
        value("--proxy-pass-source") { $0.proxy.proxyPassSource = $1 },
        value("--proxy-pass-env") { $0.proxy.proxyPassEnv = $1 },
        value("--proxy-pass") { $0.proxy.proxyPass = $1 },
        list("--proxy-cacert") { $0.proxy.proxyCacert = $1 },
        flag("--proxy-insecure") { $0.proxy.proxyInsecure = $1 },
        flag("--proxytunnel", "-p") { $0.proxy.proxytunnel = $1 },
    ]

    private static func flag(
        _ long: String, _ short: String? = nil, set: @escaping @Sendable (inout RequestOptions, Bool) -> Void
    ) -> Row {
        Row(long: long, short: short, takesValue: false, repeats: false) { set(&$0, !$1.isEmpty) }
    }

    private static func value(
        _ long: String, _ short: String? = nil, set: @escaping @Sendable (inout RequestOptions, String?) -> Void
    ) -> Row {
        Row(long: long, short: short, takesValue: true, repeats: false) { set(&$0, $1.first) }
    }

    private static func list(
        _ long: String, _ short: String? = nil, set: @escaping @Sendable (inout RequestOptions, [String]) -> Void
    ) -> Row {
        Row(long: long, short: short, takesValue: true, repeats: true, set: set)
    }
}

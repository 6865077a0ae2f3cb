import ArgumentParser

/// Through whom one asks.
struct ProxyOptions: ParsableArguments {
    @Option(
        name: [.customShort("x"), .long], parsing: .unconditional,
        help: ArgumentHelp(
            """
            Go through this proxy: http (by CONNECT, also for http URLs), https, socks5, or socks5h, which resolves \
            names. Without it https_proxy, http_proxy and ALL_PROXY count; '' means none.
            """, valueName: "[scheme://]host[:port]"))
    var proxy: String?

    @Option(
        name: .long, parsing: .unconditional, help: ArgumentHelp("The same as -x socks5://.", valueName: "host[:port]"))
    var socks5: String?

    @Option(
        name: .long, parsing: .unconditional, help: ArgumentHelp("The same as -x socks5h://.", valueName: "host[:port]")
    )
    var socks5Hostname: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp(
            "Hosts to ask without a proxy, in place of NO_PROXY: domains, addresses, networks (10.0.0.0/8), '*'.",
            valueName: "list"))
    var noproxy: String?

    @Option(
        name: [.customShort("U"), .long], parsing: .unconditional,
        help: ArgumentHelp(
            "The proxy's user. A ':password' behind it is seen by everybody who lists processes.", valueName: "user"))
    var proxyUser: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("Where that user's password is.", valueName: "file|prompt"))
    var proxyPasswordSource: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("The environment variable that holds it.", valueName: "name"))
    var proxyPasswordEnv: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("The client certificate for an https proxy, as --cert.", valueName: "file|uri"))
    var proxyCert: String?

    @Option(
        name: .long, parsing: .unconditional, help: ArgumentHelp("Its key, as --key.", valueName: "file|uri"))
    var proxyKey: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("Where the PIN of the key's token is.", valueName: "file|prompt"))
    var proxyPinSource: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("The environment variable that holds that PIN.", valueName: "name"))
    var proxyPinEnv: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("Where the key file's passphrase is.", valueName: "file|prompt"))
    var proxyPassSource: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("The environment variable that holds that passphrase.", valueName: "name"))
    var proxyPassEnv: String?

    /// curl's option, known only to be refused.
    @Option(name: .long, parsing: .unconditional, help: .hidden)
    var proxyPass: String?

    @Option(
        name: .long, parsing: .unconditionalSingleValue,
        help: ArgumentHelp("Trust these certificates to be an https proxy's; repeatable.", valueName: "file"))
    var proxyCacert: [String] = []

    @Flag(name: .long, help: "Accept any certificate of an https proxy.")
    var proxyInsecure = false

    @Flag(name: [.customShort("p"), .long], help: "Ask the proxy for a tunnel, as without the option.")
    var proxytunnel = false
}

/// What lies beneath it all.
struct TransportOptions: ParsableArguments {
    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("Connect to this Unix socket, whatever the host.", valueName: "path"))
    var unixSocket: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("Connect from this local address, or from those of an interface.", valueName: "name|address")
    )
    var interface: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("Probe an idle connection after this time, and as often; 60.", valueName: "seconds"))
    var keepaliveTime: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("How many probes may stay unanswered.", valueName: "number"))
    var keepaliveCnt: String?

    @Flag(name: .long, help: "Do not probe idle connections.")
    var noKeepalive = false
}

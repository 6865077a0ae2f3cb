import ArgumentParser
import MTLSClient

/// `mtls probe`.
struct ProbeCommand: TokenCommand {
    static let configuration = CommandConfiguration(
        commandName: "probe", abstract: "Tell what a server speaks, whether to trust it, what it asks of clients.",
        discussion: """
            It makes a handshake by TLS 1.3 and one by TLS 1.2, in which no certificate is shown, and tells which of the \
            identities given would be. If the server is trusted, it makes a request (GET), as any other would be. The \
            exit code is that of such a request: 0 when it would work.

            A key in a token signs only with --sign, once. Without it nobody logs in, but to a token that hides its \
            certificates until then.
            """)

    @Argument(help: ArgumentHelp("Whom to probe. Without a scheme: https.", valueName: "url")) var url: String
    @Flag(name: .long, help: "Let a key in a token make one signature, to see whether the server accepts it.")
    var sign = false

    @Flag(name: .long, help: "Write JSON.") var json = false
    @OptionGroup(title: "Client certificate") var identity: IdentityOptions
    @OptionGroup(title: "Server and connection") var connection: ConnectionOptions
    @OptionGroup(title: "Transport") var transport: TransportOptions
    @OptionGroup(title: "Proxy") var proxy: ProxyOptions

    func perform() async throws -> Int32 {
        let chosen = try identity.identity()
        let plan = try ConnectionPlan(
            connection, transport: TransportPlan(transport), proxy: ProxyPlan(proxy, exists: Files.exists))
        let proxyIdentity = plan.proxy.clientIdentity(module: identity.module)
        var probe = try Probe(
            url.contains("://") ? url : "https://\(url)", identity: chosen, trust: plan.trust, tls: plan.tls,
            over: plan.isDirect ? nil : plan.connector(proxyIdentity: proxyIdentity))
        probe.signs = sign
        if connection.connectTimeout != nil {
            probe.timeouts.connect = plan.timeouts.connect
            probe.timeouts.handshake = plan.timeouts.handshake
        }
        if let all = plan.timeouts.request, all > .zero {
            probe.timeouts.request = all
            probe.timeouts.connect = min(probe.timeouts.connect ?? all, all)
            probe.timeouts.handshake = min(probe.timeouts.handshake ?? all, all)
        }
        let report = await probe.examine()
        let status = report.error.map(ExitStatus.of) ?? 0
        if json {
            Answer.write(ProbeText.json(report, status))
        } else {
            Answer.write(ProbeText.lines(report))
        }
        if let error = report.error { Console().error(status, ErrorText.line(error)) }
        return status
    }
}

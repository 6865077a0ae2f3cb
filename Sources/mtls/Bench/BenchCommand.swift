import ArgumentParser
import HTTPTypes
import MTLSClient

/// `mtls bench`.
struct BenchCommand: TokenCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure how fast a server answers, with a client certificate.",
        discussion: """
            Sends requests over kept connections, or makes a connection for each of them, and tells rates, latencies, \
            handshakes, signatures and the processor time that the requests took here. Connections are made before the \
            clock starts, unless each request makes its own. Ctrl-C ends the load and tells of what there was.

              mtls bench --duration 10 --concurrency 64 -E client.pem --cacert ca.pem https://api.test/
              mtls bench --requests 1000 --new-connections --no-resumption -E 'pkcs11:token=dev;object=client' ...
              mtls bench --idle-connections 1000 --hold 60 -E client.pem --cacert ca.pem https://api.test/

            It loads whom it measures: use it on servers that are yours.
            """)

    @Argument(help: ArgumentHelp("What to ask for. Without a scheme: https.", valueName: "url")) var url: String
    @OptionGroup(title: "Load") var load: LoadOptions
    @OptionGroup(title: "Client certificate") var identity: IdentityOptions
    @OptionGroup(title: "Server and connection") var connection: ConnectionOptions
    @OptionGroup(title: "Transport") var transport: TransportOptions
    @OptionGroup(title: "Proxy") var proxy: ProxyOptions

    func perform() async throws -> Int32 {
        let load = try LoadPlan(load)
        let identity = try identity.identity()
        let plan = try ConnectionPlan(
            connection, transport: TransportPlan(transport), proxy: ProxyPlan(proxy, exists: Files.exists))
        let url = url.contains("://") ? url : "https://\(url)"
        let target = try ParsedURL(url)
        var tls = plan.tls
        if !load.resumes { tls.resumption = .off }
        var settings = load.settings
        settings.timeouts = plan.timeouts
        let connector = TLSConnector(
            identity: identity, trust: plan.trust, settings: tls,
            over: try plan.connector(proxyIdentity: plan.proxy.clientIdentity(module: self.identity.module)))
        let client = try Client(target.origin.description, connector: connector, settings: settings)
        let runner = LoadRunner(
            client: client,
            request: HTTPRequest(
                method: load.method, scheme: nil, authority: nil, path: target.target,
                headerFields: try HeaderOption.fields(load.headers, defaults: load.defaultFields)),
            body: load.body, plan: load)
        if plan.trustsAnything { Console().warn("--insecure: the server is not authenticated; anybody may answer") }
        return try await run(runner, load)
    }

    private func run(_ runner: LoadRunner, _ load: LoadPlan) async throws -> Int32 {
        let meter = LoadMeter(isShown: !load.isJSON && Files.hasTerminal)
        let task = Task(executorPreference: load.usesLoop ? runner.client.executor : nil) {
            try await runner.run(meter)
        }
        Signals.onInterrupt { task.cancel() }
        let outcome: Result<LoadReport, any Error>
        do {
            outcome = .success(try await task.value)
        } catch {
            outcome = .failure(error)
        }
        meter.end()
        Signals.onInterrupt(nil)
        let report = try outcome.get()
        if load.isJSON { Answer.write(report.json) } else { Answer.write(report.lines) }
        if let hold = load.hold, !task.isCancelled { try? await runner.hold(hold) }
        await runner.client.shutdown(graceful: report.errors == 0)
        return report.status
    }
}

/// How much is asked.
struct LoadOptions: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("So many requests.", valueName: "number")) var requests: Int?
    @Option(
        name: .long, help: ArgumentHelp("For so long; 10 seconds unless --requests is given.", valueName: "seconds"))
    var duration: String?
    @Option(name: .long, help: ArgumentHelp("So many at once, over as many connections.", valueName: "number"))
    var concurrency = 1
    @Option(name: .long, help: ArgumentHelp("So many before the clock starts.", valueName: "number"))
    var warmUp: Int?
    @Flag(name: .long, help: "Make a connection for each request.") var newConnections = false
    @Flag(name: .long, help: "Resume no TLS session: each connection costs a signature by the client's key.")
    var noResumption = false

    @Option(name: .long, parsing: .unconditional, help: ArgumentHelp("GET, or POST with data.", valueName: "method"))
    var method: String?
    @Option(
        name: [.customShort("H"), .long], parsing: .unconditionalSingleValue,
        help: ArgumentHelp("A header field, as in a request.", valueName: "field"))
    var header: [String] = []
    @Option(name: .long, parsing: .unconditional, help: ArgumentHelp("Send this with each.", valueName: "data"))
    var data: String?
    @Option(name: .long, help: ArgumentHelp("Send so many bytes with each.", valueName: "bytes")) var dataSize: Int?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Where the asking tasks run: on the client's own thread (loop), or as ordinary ones do (global).",
            valueName: "loop|global"))
    var executor = LoadExecutor.loop
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Make so many connections, one request on each, and tell what memory they take.", valueName: "number"))
    var idleConnections: Int?
    @Option(name: .long, help: ArgumentHelp("Then keep them for so long.", valueName: "seconds")) var hold: String?
    @Flag(name: .long, help: "Write JSON.") var json = false
}

/// Where the tasks run that make the requests.
enum LoadExecutor: String, ExpressibleByArgument, CaseIterable {
    case loop, global
}

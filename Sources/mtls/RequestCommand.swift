import ArgumentParser
import Glibc
import HTTPTypes
import MTLSClient
import NIOCore

/// `mtls request`, which is also what `mtls` does without a subcommand.
struct RequestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "request",
        abstract: "Ask HTTPS servers, with a client certificate whose key may be in a PKCS#11 token.",
        usage: "mtls [request] [options] <url> ...",
        discussion: """
            Options mean what they mean to curl, and so do the exit codes.

              mtls https://api.example/orders --cert client.pem --key client-key.pem
              mtls https://api.example/ -E 'pkcs11:token=prod;object=client' --pin-env PIN
              mtls -sS -XPOST -d @order.json -H 'Content-Type: application/json' \\
                  -w '%{http_code}\\n' -o answer.json --cacert ca.pem -E client.pem \\
                  --key 'pkcs11:token=prod;object=client' https://api.example/orders

            Secrets are never given on the command line: name the file or the variable that holds them.

            Other commands: mtls pki (certificates for development), mtls tokens (what there is), mtls keys (make and \
            delete), mtls doctor (what is wrong with an identity), mtls probe (what a server asks for).
            'mtls help <command>' tells more.
            """)

    @OptionGroup var options: RequestOptions

    func run() async throws {
        let console = Console(isSilent: options.output.silent, showsErrors: options.output.showError)
        do {
            throw ExitCode(try await status(console))
        } catch let error as UsageError {
            console.error(ExitStatus.usage, "\(error) (try 'mtls --help')")
            throw ExitCode(ExitStatus.usage)
        } catch let error as FileFailure {
            console.error(ExitStatus.readFailed, "cannot read \(error)")
            throw ExitCode(ExitStatus.readFailed)
        }
    }

    private func status(_ console: Console) async throws -> Int32 {
        let arguments = Arguments.split(Array(CommandLine.arguments.dropFirst()))
        var plan = try Plan(options, dataKinds: Arguments.dataKinds(in: arguments), exists: Files.exists)
        var format = plan.writeOut
        if let text = format, text.hasPrefix("@") {
            format = String(decoding: try Files.read(String(text.dropFirst())), as: UTF8.self)
        }
        let headers = try plan.headers.flatMap { option in
            guard case .file(let path) = option else { return [option] }
            return try HeaderOption.lines(of: String(decoding: try Files.read(path), as: UTF8.self))
        }
        let body = try Upload.body(plan)
        let length = await Upload.length(of: body)
        var defaults = plan.defaultFields
        defaults.append(contentsOf: Upload.fields(length))
        if plan.connection.trustsAnything {
            console.warn("--insecure: the server is not authenticated; anybody may answer")
        }
        let proxy = plan.connection.proxy
        for warning in proxy.warnings { console.warn(warning) }

        if let path = plan.connection.keyLog {
            do {
                plan.connection.tls.keyLog = try .file(path)
            } catch {
                console.error(ExitStatus.of(error), ErrorText.line(error))
                return ExitStatus.of(error)
            }
            console.warn("--key-log: whoever has \(path) can read everything that is sent and received")
        }

        let journal = Journal(isVerbose: plan.isVerbose, isVerified: !plan.connection.trustsAnything)
        let identity = Identity(
            plan.identity, pin: plan.pin, passphrase: plan.passphrase, module: plan.module,
            prompts: Files.hasTerminal
        ).map { Identity(WarningIdentity(inner: $0, console: console)) }
        let proxyIdentity = proxy.clientIdentity(module: plan.module).map {
            Identity(WarningIdentity(inner: $0, console: console))
        }
        var settings = ClientSettings()
        settings.timeouts = plan.connection.timeouts
        plan.follow.apply(to: &settings, journal: journal, console: console)
        let agent = Agent(
            connector: try JournalingConnector(
                identity: identity, proxyIdentity: proxyIdentity, plan: plan.connection, journal: journal),
            settings: settings)
        let transfer = Transfer(
            request: HTTPRequest(
                method: plan.method, scheme: nil, authority: nil, path: nil,
                headerFields: try HeaderOption.fields(headers, defaults: defaults)),
            body: body, length: length, timeouts: plan.connection.timeouts,
            includesHead: plan.includesHead, failsOnError: plan.failsOnError,
            showsProgress: !options.output.silent && isatty(STDERR_FILENO) == 1, agent: agent, journal: journal)
        // URLs are asked for one after the other.
        NIOSingletons.groupLoopCountSuggestion = 1
        // On the thread of the first URL's connections, which is nearly always the only one: no changes of thread then.
        let executor = try? agent.client(for: plan.targets.first?.effectiveURL ?? "").executor
        return await withTaskExecutorPreference(executor) {
            await Self.run(plan, transfer, format.map(WriteOut.init), console)
        }
    }

    @concurrent
    private static func run(_ plan: Plan, _ transfer: Transfer, _ format: WriteOut?, _ console: Console) async -> Int32
    {
        var status: Int32 = 0
        for (number, target) in plan.targets.enumerated() {
            let outcome = await transfer.run(target, number: number)
            status = outcome.report.exitCode
            if outcome.isPipeBroken { break }
            if status != 0, let message = outcome.report.errorMessage { console.error(status, message) }
            if let format { write(format, outcome.report, console) }
            if status != 0, plan.failsEarly { break }
        }
        await transfer.agent.shutdown(graceful: status == 0)
        return status
    }

    private static func write(_ format: WriteOut, _ report: Report, _ console: Console) {
        let (pieces, unknown) = format.rendered(report)
        for name in unknown { console.warn("unknown --write-out variable '\(name)'") }
        for piece in pieces {
            Console.write(piece.text, to: piece.stream == .output ? STDOUT_FILENO : STDERR_FILENO)
        }
    }
}

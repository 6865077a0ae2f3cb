import Glibc
import MTLSClient

/// What the options and the environment say of proxies.
struct ProxyPlan {
    var settings: ProxySettings
    let identity: IdentityChoice
    let pin: SecretSource?
    let passphrase: SecretSource?
    let trust: Trust
    /// What somebody should be told.
    private(set) var warnings: [String] = []

    /// - Parameters:
    ///   - exists: Whether there is a file of that name.
    ///   - variable: The value of an environment variable.
    init(
        _ options: ProxyOptions, exists: (String) -> Bool,
        variable: (String) -> String? = { name in getenv(name).map { String(cString: $0) } }
    ) throws(UsageError) {
        guard options.proxyPass == nil else {
            throw UsageError(
                "--proxy-pass shows the passphrase to everybody who lists processes: use --proxy-pass-source or --proxy-pass-env"
            )
        }
        identity = try IdentityChoice(certificate: options.proxyCert, key: options.proxyKey, exists: exists)
        pin = try .named("proxy-pin", file: options.proxyPinSource, variable: options.proxyPinEnv)
        passphrase = try .named("proxy-pass", file: options.proxyPassSource, variable: options.proxyPassEnv)
        trust = .named(options.proxyCacert, acceptsAnything: options.proxyInsecure)
        if options.proxyInsecure {
            warnings.append("--proxy-insecure: the proxy is not authenticated; anybody may answer")
        }
        do throws(MTLSError) {
            settings = try Self.settings(options, variable)
        } catch {
            throw UsageError(error.description)
        }
        let isHTTPS = [settings.https, settings.http].contains { $0?.kind == .https }
        if identity != .none, !isHTTPS {
            throw UsageError("--proxy-cert needs a proxy that can be shown a certificate: -x https://…")
        }
        if let url = options.proxy, url.contains("@") { warnings.append(Self.warning("-x")) }
        guard let credentials = try credentials(options) else { return }
        settings.https?.credentials = credentials
        settings.http?.credentials = credentials
    }

    private static func settings(
        _ options: ProxyOptions, _ variable: (String) -> String?
    ) throws(MTLSError) -> ProxySettings {
        let url =
            options.proxy ?? options.socks5.map { "socks5://\($0)" }
            ?? options.socks5Hostname.map { "socks5h://\($0)" }
        guard let url else {
            let settings = try ProxySettings(environment: variable)
            return options.noproxy.map(settings.except) ?? settings
        }
        let exceptions = options.noproxy ?? variable("no_proxy") ?? variable("NO_PROXY") ?? ""
        return ProxySettings(url.isEmpty ? nil : try Proxy(url), except: exceptions)
    }

    private mutating func credentials(_ options: ProxyOptions) throws(UsageError) -> Proxy.Credentials? {
        let source = try SecretSource.named(
            "proxy-password", file: options.proxyPasswordSource, variable: options.proxyPasswordEnv)
        guard let text = options.proxyUser else {
            if source != nil { throw UsageError("the proxy's password needs --proxy-user") }
            return nil
        }
        let user = text.prefix { $0 != ":" }
        guard user.count < text.count else { return .init(user: text, password: source ?? .prompt) }
        if source != nil { throw UsageError("the proxy's password is given twice") }
        warnings.append(Self.warning("-U"))
        var bytes = Array(text[user.endIndex...].utf8.dropFirst())
        let secret = SecretBytes(wiping: &bytes)
        return .init(user: String(user), password: .closure { _ in secret })
    }

    private static func warning(_ option: String) -> String {
        "a password behind \(option) is seen by everybody who lists processes: --proxy-password-source and --proxy-password-env keep it"
    }
}

extension Trust {
    /// What options such as `--cacert` and `--insecure` name.
    static func named(_ files: [String], acceptsAnything: Bool) -> Trust {
        guard !acceptsAnything else { return .dangerouslyTrustAnything }
        return files.isEmpty ? .system : .pem(files)
    }
}

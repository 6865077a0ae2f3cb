import DevPKI
import GnuTLS
import MTLSClient
import MTLSTestKit
import Testing

/// Requests through proxies: each hop with its own certificates.
@Suite struct HTTPProxyTests {
    /// A proxy and an origin whose authorities know nothing of each other.
    private struct Hops {
        let proxyWorld: World
        let originWorld: World
        let proxy: TestProxy
        let server: MTLSServer

        init(
            proxy kind: Proxy.Kind = .https, proxyClients: MTLSServer.Clients = .ignored,
            originClients: MTLSServer.Clients = .required, proxyName: String = "127.0.0.1",
            respond: @escaping @Sendable (TestProxy.Request) -> TestProxy.Answer = { _ in .tunnel() }
        ) async throws {
            proxyWorld = try World()
            originWorld = try World()
            server = try await originWorld.server(originClients)
            proxy = try await TestProxy(
                identity: kind == .https ? proxyWorld.authority.issue(.server(names: [proxyName])) : nil,
                clients: proxyClients, trusting: [proxyWorld.authority.root], respond: respond)
        }

        func client(
            origin: Identity? = nil, proxy identity: Identity? = nil, proxyTrust: Trust? = nil,
            originTrust: Trust? = nil,
            credentials: Proxy.Credentials? = nil, timeouts: Timeouts = Timeouts()
        ) throws -> Client {
            let connector = try HTTPProxyConnector(
                Proxy(proxy.url, credentials: credentials), identity: identity, trust: proxyTrust ?? proxyWorld.trust)
            var settings = ClientSettings()
            settings.timeouts = timeouts
            return try Client(
                server.url,
                connector: TLSConnector(
                    identity: origin ?? originWorld.identity("alice"), trust: originTrust ?? originWorld.trust,
                    over: connector), settings: settings)
        }

        /// The error of a request by `client`.
        func error(_ client: Client) async throws -> MTLSError {
            let error = await #expect(throws: MTLSError.self) { try await client.get() }
            await client.shutdown()
            return try #require(error)
        }
    }

    @Test(arguments: [Proxy.Kind.http, .https], [false, true])
    func anHTTPSOriginIsReachedWithAnIdentityOnEachHop(kind: Proxy.Kind, isMutual: Bool) async throws {
        if kind == .http, isMutual { return }
        let hops = try await Hops(
            proxy: kind, proxyClients: isMutual ? .required : .ignored, originClients: isMutual ? .required : .requested
        )
        let client = try hops.client(proxy: isMutual ? hops.proxyWorld.identity("gate") : nil)
        for _ in 1...2 {
            #expect(try await client.get("/x").body.text(upTo: .kibibytes(1)) == "CN=alice")
        }
        #expect(hops.proxy.requests.map(\.target) == ["127.0.0.1:\(hops.server.port)"])
        #expect(hops.proxy.requests.first?.method == "CONNECT")
        #expect(hops.proxy.requests.first?.client?.subject == (isMutual ? "CN=gate" : nil))
        await client.shutdown()
    }

    @Test(arguments: [Proxy.Kind.http, .https])
    func anHTTPOriginIsReachedThroughATunnelToo(kind: Proxy.Kind) async throws {
        let hops = try await Hops(proxy: kind) { _ in
            .tunnel(head: "HTTP/1.1 200 OK\r\n\r\n")
        }
        let plain = try await PlainServer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain")
        let client = try Client(
            plain.url, connector: HTTPProxyConnector(Proxy(hops.proxy.url), trust: hops.proxyWorld.trust))
        #expect(try await client.get().body.text(upTo: .kibibytes(1)) == "plain")
        #expect(hops.proxy.requests.map(\.target) == ["127.0.0.1:\(plain.port)"])
        await client.shutdown()
    }

    @Test func aResponseAsLongAsATunnelIsWideArrivesWhole() async throws {
        let body = String(repeating: "0123456789abcdef", count: 1 << 16)
        let world = try World()
        let server = try await world.server(.ignored) { _ in .response(body: body) }
        let proxy = try await TestProxy(identity: world.authority.issue(.server(names: ["127.0.0.1"])))
        let client = try Client(
            server.url,
            connector: TLSConnector(
                trust: world.trust, over: HTTPProxyConnector(Proxy(proxy.url), trust: world.trust)))
        #expect(try await client.get().body.text(upTo: .mebibytes(2)) == body)
        await client.shutdown()
    }

    @Test func theEndOfTheTLSToTheProxyDoesNotPassForThatToTheOrigin() async throws {
        let world = try World()
        let server = try await world.server(.ignored) { _ in .raw("HTTP/1.1 200 OK\r\n\r\nhalf of it", then: .cut) }
        // It says close_notify to the client when the origin is gone, which did not.
        let proxy = try await TestProxy(identity: world.authority.issue(.server(names: ["127.0.0.1"])))
        let client = try Client(
            server.url,
            connector: TLSConnector(
                trust: world.trust, over: HTTPProxyConnector(Proxy(proxy.url), trust: world.trust)))
        let error = await #expect(throws: MTLSError.self) {
            try await client.get().body.collect(upTo: .kibibytes(1))
        }
        #expect(error?.code == .responseTruncated)
        await client.shutdown()
    }

    // MARK: Blame

    @Test func aProxyThatIsNotTrustedIsBlamedAndAskedForNothing() async throws {
        let hops = try await Hops()
        let error = try await hops.error(hops.client(proxyTrust: hops.originWorld.trust))
        #expect(error.code == .issuerUnknown && error.phase == .proxy)
        #expect(error.message.contains(hops.proxy.url))
        #expect(error.isPermanent)
        #expect(hops.proxy.requests.isEmpty && hops.server.connectionCount == 0)
    }

    @Test func aProxyWithAnotherNameIsBlamed() async throws {
        let hops = try await Hops(proxyName: "elsewhere.test")
        let error = try await hops.error(hops.client())
        #expect(error.code == .nameMismatch && error.phase == .proxy)
        #expect(hops.proxy.connectionCount == 1)
    }

    @Test func anOriginThatIsNotTrustedIsBlamedAndNotTheProxy() async throws {
        let hops = try await Hops()
        let error = try await hops.error(hops.client(originTrust: hops.proxyWorld.trust))
        #expect(error.code == .issuerUnknown && error.phase == .verify)
        #expect(!error.message.contains(hops.proxy.url))
        #expect(error.origin == hops.server.url)
    }

    @Test(arguments: [TLSVersion.v1_2, .v1_3])
    func aProxyThatRejectsItsClientIsBlamed(version: TLSVersion) async throws {
        let proxyWorld = try World()
        let originWorld = try World()
        let server = try await originWorld.server(.required)
        let proxy = try await TestProxy(
            identity: proxyWorld.authority.issue(.server(names: ["127.0.0.1"])), clients: .required,
            trusting: [proxyWorld.authority.root], versions: version...version)
        for (identity, code) in [
            (try originWorld.identity("mallory"), MTLSError.Code.clientCertificateRejected),
            (nil, .clientCertificateRequired),
        ] {
            let client = try Client(
                server.url,
                connector: TLSConnector(
                    identity: originWorld.identity("alice"), trust: originWorld.trust,
                    over: HTTPProxyConnector(Proxy(proxy.url), identity: identity, trust: proxyWorld.trust)))
            let error = await #expect(throws: MTLSError.self) { try await client.get() }
            #expect(error?.code == code && error?.phase == .proxy, "\(String(describing: error))")
            #expect(error?.message.contains(proxy.url) == true)
            await client.shutdown()
        }
        #expect(proxy.connectionCount == 2 && server.connectionCount == 0)
    }

    @Test func anOriginThatRejectsItsClientIsBlamedAndNotTheProxy() async throws {
        let hops = try await Hops()
        let error = try await hops.error(hops.client(origin: hops.proxyWorld.identity("mallory")))
        #expect(error.code == .clientCertificateRejected && error.phase != .proxy)
        #expect(error.message.contains("CN=mallory"))
    }

    @Test func aProxyThatIsNotThereIsBlamed() async throws {
        let world = try World()
        let server = try await world.server(.ignored)
        let connector = try HTTPProxyConnector(Proxy("http://127.0.0.1:1"))
        let client = try Client(server.url, connector: TLSConnector(trust: world.trust, over: connector))
        let error = await #expect(throws: MTLSError.self) { try await client.get() }
        #expect(error?.code == .connectFailed && error?.phase == .proxy)
        #expect(error?.message.contains("http://127.0.0.1:1") == true)
        await client.shutdown()
    }

    @Test func aProxyWhoseNameIsUnknownIsBlamed() async throws {
        let connector = try HTTPProxyConnector(Proxy("http://no-such-proxy.invalid:1"))
        let client = try Client("http://127.0.0.1:1", connector: connector)
        let error = await #expect(throws: MTLSError.self) { try await client.get() }
        #expect(error?.code == .resolveFailed && error?.phase == .proxy)
        await client.shutdown()
    }

    // MARK: Answers

    private func answer(
        _ text: String, closes: Bool = true, credentials: Proxy.Credentials? = nil, timeouts: Timeouts = Timeouts()
    ) async throws -> (error: MTLSError, proxy: TestProxy) {
        let hops = try await Hops(proxy: .http) { _ in .raw(text, closes: closes) }
        return (try await hops.error(hops.client(credentials: credentials, timeouts: timeouts)), hops.proxy)
    }

    @Test func aRefusalCostsOneAttemptAndTellsWhy() async throws {
        let (error, proxy) = try await answer(
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 12\r\n\r\nnot for you!", closes: false)
        #expect(error.code == .proxyRefused && error.phase == .proxy)
        #expect(error.message.contains("403 Forbidden") && error.message.contains("not for you!"))
        #expect(proxy.connectionCount == 1)
    }

    @Test(arguments: ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 Continue\r\n\r\n"])
    func aProxyThatClosesInTheMiddleCostsOneAttempt(text: String) async throws {
        let (error, proxy) = try await answer(text)
        #expect(error.code == .proxyMalformed && error.phase == .proxy)
        #expect(proxy.connectionCount == 1)
    }

    @Test func aProxyThatDoesNotAnswerIsATimeout() async throws {
        let (error, proxy) = try await answer("", closes: false, timeouts: Timeouts(connect: .milliseconds(200)))
        #expect(error.code == .timeoutConnect && error.phase == .proxy)
        #expect(error.message.contains(proxy.url))
    }

    @Test func bytesBehindTheHeadBelongToTheTunnel() async throws {
        // The whole answer comes with the head, as from a server that speaks first.
        let proxy = try await TestProxy { _ in
            .raw("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nfirst words", closes: false)
        }
        let connector = try HTTPProxyConnector(Proxy(proxy.url))
        #expect(try await Reading.text(of: connector, count: 11) == "first words")
    }

    // MARK: Credentials

    private func source(_ text: String, reads: Counter = Counter()) -> SecretSource {
        .closure { _ in
            reads.add()
            var bytes = Array(text.utf8)
            return SecretBytes(wiping: &bytes)
        }
    }

    @Test func credentialsAreSentToTheProxyAndNotToTheOrigin() async throws {
        let hops = try await Hops()
        let client = try hops.client(credentials: .init(user: "al\u{e9}", password: source("p:w")))
        _ = try await client.get()
        let name = try #require(HTTPField.Name("Proxy-Authorization"))
        #expect(hops.proxy.requests.first?.headerFields[name] == "Basic YWzDqTpwOnc=")
        #expect(hops.server.requests.first?.headerFields[name] == nil)
        await client.shutdown()
    }

    @Test func refusedCredentialsCostOneAttemptAndAreNotTold() async throws {
        let reads = Counter()
        let (error, proxy) = try await answer(
            "HTTP/1.1 407 Auth\r\nProxy-Authenticate: Basic realm=\"vault\"\r\nContent-Length: 0\r\n\r\n",
            closes: false,
            credentials: .init(user: "alice", password: source("hunter2", reads: reads)))
        #expect(error.code == .proxyAuthenticationRequired && error.isPermanent)
        #expect(error.message.contains("vault") && error.message.contains("refused the credentials"))
        #expect(!error.description.contains("hunter2") && !"\(error)".contains("aHVudGVy"))
        #expect(proxy.connectionCount == 1 && reads.value == 1)
    }

    @Test func credentialsInTheURLAreDecoded() async throws {
        let hops = try await Hops(proxy: .http)
        let url = hops.proxy.url.replacing("http://", with: "http://al%C3%A9:p%3Aw@")
        let client = try Client(
            hops.server.url,
            connector: TLSConnector(
                identity: hops.originWorld.identity("alice"), trust: hops.originWorld.trust,
                over: HTTPProxyConnector(Proxy(url))))
        _ = try await client.get()
        let name = try #require(HTTPField.Name("Proxy-Authorization"))
        #expect(hops.proxy.requests.first?.headerFields[name] == "Basic YWzDqTpwOnc=")
        await client.shutdown()
    }

    @Test func aPasswordThatCannotBeReadIsAnErrorOfTheProxy() async throws {
        let hops = try await Hops()
        let client = try hops.client(credentials: .init(user: "alice", password: .file("/nonexistent/password")))
        let error = try await hops.error(client)
        #expect(error.code == .proxyAuthenticationRequired && error.message.contains("/nonexistent/password"))
        #expect(hops.proxy.connectionCount == 0)
    }
}

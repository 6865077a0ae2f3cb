import CommandSupport
import DevPKI
import MTLSClient
import Testing

@Suite(.enabled(if: Squid.isInstalled, "squid is not installed (squid-openssl)")) struct SquidTests {
    /// A client of nginx, through Squid.
    private func client(
        _ kind: Proxy.Kind, site: Nginx.Site = .plain, identity: Identity?, version: TLSVersion = .v1_3,
        proxyIdentity: Identity?, proxyTrust: Trust? = nil
    ) async throws -> Client {
        let squid = try await Squid.running()
        let nginx = try await Nginx.running()
        let connector = try HTTPProxyConnector(
            squid.proxy(kind), identity: proxyIdentity, trust: proxyTrust ?? squid.trust, tls: .only(version))
        return try Client(
            nginx.url(site),
            connector: TLSConnector(identity: identity, trust: nginx.trust, settings: .only(version), over: connector))
    }

    @Test(arguments: [Proxy.Kind.http, .https], [TLSVersion.v1_2, .v1_3])
    func anOriginSeesItsIdentityThroughSquidWhichSeesItsOwn(kind: Proxy.Kind, version: TLSVersion) async throws {
        let squid = try await Squid.running()
        let client = try await client(
            kind, identity: Parties.ready().tokenIdentity(), version: version,
            proxyIdentity: kind == .https ? squid.authority.issueClient(commonName: "gate").identity() : nil)
        for _ in 1...2 {
            let text = try await client.get("/who").text()
            #expect(text.hasPrefix("SUCCESS CN=token"), "\(text)")
        }
        await client.shutdown()
    }

    @Test func aLongBodyArrivesWholeThroughTLSInTLS() async throws {
        let squid = try await Squid.running()
        let proxyIdentity = try squid.authority.issueClient(commonName: "gate").identity()
        let client = try await client(.https, identity: Nginx.running().identity("x"), proxyIdentity: proxyIdentity)
        let large = try await client.get("/large").body.collect(upTo: .mebibytes(32))
        #expect(same(large, try await Nginx.running().large[...]))
        await client.shutdown()
    }

    @Test(arguments: [Proxy.Kind.http, .https])
    func anHTTPOriginIsReachedThroughSquid(kind: Proxy.Kind) async throws {
        let squid = try await Squid.running()
        let origin = try await PlainNginx()
        let identity = kind == .https ? try squid.authority.issueClient(commonName: "gate").identity() : nil
        let client = try Client(
            "http://\(origin.authority)",
            connector: HTTPProxyConnector(squid.proxy(kind), identity: identity, trust: squid.trust))
        #expect(try await client.get().text() == "plain \(origin.authority)\n")
        await client.shutdown()
    }

    @Test(arguments: [TLSVersion.v1_2, .v1_3])
    func aMissingCertificateForSquidIsBlamedOnThatHop(version: TLSVersion) async throws {
        let client = try await client(
            .https, identity: Nginx.running().identity("x"), version: version, proxyIdentity: nil)
        let error = try await failure { try await client.get() }
        #expect(error.phase == .proxy && error.code == .clientCertificateRequired, "\(error)")
        await client.shutdown()
    }

    @Test(arguments: [TLSVersion.v1_2, .v1_3])
    func aCertificateThatSquidRejectsIsBlamedOnThatHop(version: TLSVersion) async throws {
        let client = try await client(
            .https, identity: Nginx.running().identity("x"), version: version,
            proxyIdentity: Parties.stranger().identity())
        let error = try await failure { try await client.get() }
        #expect(error.phase == .proxy && error.code == .clientCertificateRejected, "\(error)")
        #expect(error.message.contains("CN=mallory"))
        await client.shutdown()
    }

    @Test func aSquidThatIsNotTrustedIsBlamed() async throws {
        let client = try await client(.https, identity: nil, proxyIdentity: nil, proxyTrust: Nginx.running().trust)
        let error = try await failure { try await client.get() }
        #expect(error.phase == .proxy && error.code == .issuerUnknown)
        await client.shutdown()
    }

    @Test(arguments: [
        (Nginx.Site.expired, MTLSError.Code.certificateExpired), (.wrongName, .nameMismatch),
        (.untrusted, .issuerUnknown),
    ])
    func anOriginThatIsNotTrustedIsBlamedAndNotSquid(site: Nginx.Site, code: MTLSError.Code) async throws {
        let client = try await client(.http, site: site, identity: Nginx.running().identity("x"), proxyIdentity: nil)
        let error = try await failure { try await client.get() }
        #expect(error.phase == .verify && error.code == code)
        await client.shutdown()
    }

    @Test func anOriginThatSquidCannotReachIsARefusalWithItsStatus() async throws {
        let closed = try LoopbackPort()
        let squid = try await Squid.running()
        let client = try Client(
            "http://127.0.0.1:\(closed.number)", connector: HTTPProxyConnector(squid.proxy(.http)))
        let error = try await failure { try await client.get() }
        #expect(error.code == .proxyRefused && error.phase == .proxy)
        #expect(error.message.contains("503 Service Unavailable"))
        await client.shutdown()
    }

    // MARK: The command

    @Test func theCommandShowsACertificateToSquidAndAnotherToTheOrigin() async throws {
        let squid = try await Squid.running()
        let files = try await CommandFiles()
        let root = try squid.authority.write(to: files.directory)
        let gate = try squid.authority.issueClient(commonName: "gate").write(to: files.directory.path, name: "gate")
        let options = [
            "-x", "\(try squid.proxy(.https))", "--proxy-cacert", root, "--proxy-cert", gate.certificate, "--proxy-key",
            gate.key,
        ]
        let outcome = try await MTLSCommand.run(files.options + options + ["\(files.nginx.url())/who"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.hasPrefix("SUCCESS CN=alice"))
        let refused = try await MTLSCommand.run(files.options + options.dropLast(4) + [files.nginx.url()])
        #expect(refused.status == 56 && refused.errors.contains("--proxy-cert"), "\(refused.errors)")
        let untrusted = try await MTLSCommand.run(files.options + options.prefix(2) + [files.nginx.url()])
        #expect(untrusted.status == 60 && untrusted.errors.contains("--proxy-cacert"), "\(untrusted.errors)")
    }

    @Test func theCommandTakesTheProxyFromTheEnvironmentUnlessToldOtherwise() async throws {
        let squid = try await Squid.running()
        let closed = try LoopbackPort()
        let url = "http://127.0.0.1:\(closed.number)/"
        let environment = ["http_proxy": "\(try squid.proxy(.http))"]
        #expect(try await MTLSCommand.run(["-sS", url], environment: environment).status == 56)
        for options in [["--noproxy", "127.0.0.0/8"], ["--noproxy", "*"], ["-x", ""]] {
            #expect(try await MTLSCommand.run(["-sS", url] + options, environment: environment).status == 7)
        }
        #expect(try await MTLSCommand.run(["-sS", url, "-x", "http://no-such-proxy.invalid"]).status == 5)
    }
}

extension CertificateAuthority {
    fileprivate func write(to directory: TemporaryDirectory) throws -> String {
        directory.makeDirectory("proxy")
        return try writeRoot(to: "\(directory.path)/proxy")
    }
}

@Suite(.enabled(if: Tinyproxy.isInstalled, "tinyproxy is not installed (tinyproxy-bin)")) struct TinyproxyTests {
    private func client(_ tinyproxy: Tinyproxy, password: String?) async throws -> Client {
        let nginx = try await Nginx.running()
        let credentials = password.map { password in
            Proxy.Credentials(
                user: "alice",
                password: .closure { _ in
                    var bytes = Array(password.utf8)
                    return SecretBytes(wiping: &bytes)
                })
        }
        return try Client(
            nginx.url(),
            connector: TLSConnector(
                identity: nginx.identity("client"), trust: nginx.trust,
                over: HTTPProxyConnector(Proxy(tinyproxy.url, credentials: credentials))))
    }

    @Test func credentialsOpenTinyproxy() async throws {
        let tinyproxy = try await Tinyproxy()
        let client = try await client(tinyproxy, password: "wonder")
        #expect(try await client.get("/who").text().hasPrefix("SUCCESS CN=client"))
        await client.shutdown()
    }

    @Test(arguments: ["wrong", nil])
    func withoutTheRightCredentialsTinyproxyIsBlamed(password: String?) async throws {
        let tinyproxy = try await Tinyproxy()
        let client = try await client(tinyproxy, password: password)
        let error = try await failure { try await client.get() }
        #expect(
            [.proxyAuthenticationRequired, .proxyRefused].contains(error.code) && error.phase == .proxy, "\(error)")
        #expect(error.message.contains("401") || error.message.contains("credentials"), "\(error)")
        await client.shutdown()
    }

    @Test func theCommandReadsThePasswordFromWhereItIsTold() async throws {
        let tinyproxy = try await Tinyproxy()
        let files = try await CommandFiles()
        let password = try files.directory.write("wonder\n", to: "password")
        let url = "\(files.nginx.url())/who"
        let given = ["-x", tinyproxy.url, "-U", "alice"]
        let fromFile = try await MTLSCommand.run(files.options + given + ["--proxy-password-source", password, url])
        #expect(fromFile.status == 0 && fromFile.errors == "", "\(fromFile.errors)")
        let fromVariable = try await MTLSCommand.run(
            files.options + given + ["--proxy-password-env", "SECRET", url], environment: ["SECRET": "wonder"])
        #expect(fromVariable.status == 0, "\(fromVariable.errors)")
        let wrong = try await MTLSCommand.run(
            ["-v"] + files.options + given + ["--proxy-password-env", "SECRET", url], environment: ["SECRET": "hunter2"]
        )
        #expect(wrong.status == 56 && !wrong.errors.contains("hunter2"), "\(wrong.errors)")
        #expect(!wrong.errors.contains("YWxpY2U6aHVudGVyMg"))
    }
}

@Suite(.enabled(if: Dante.isInstalled, "danted is not installed (dante-server)")) struct DanteTests {
    @Test(arguments: [Proxy.Kind.socks5, .socks5h])
    func anOriginSeesItsIdentityThroughDante(kind: Proxy.Kind) async throws {
        let dante = try await Dante()
        let nginx = try await Nginx.running()
        let url = nginx.url().replacing("127.0.0.1", with: "localhost")
        let client = try Client(
            url,
            connector: TLSConnector(
                identity: try await Parties.ready().tokenIdentity(), trust: nginx.trust,
                over: SOCKS5Connector(Proxy(dante.url(kind)))))
        #expect(try await client.get("/who").text().hasPrefix("SUCCESS CN=token"))
        await client.shutdown()
    }

    @Test func whatDanteSaysIsTold() async throws {
        let dante = try await Dante()
        let closed = try LoopbackPort()
        let client = try Client(
            "http://127.0.0.1:\(closed.number)", connector: SOCKS5Connector(Proxy(dante.url())))
        let error = try await failure { try await client.get() }
        #expect(error.code == .proxyRefused && error.message.hasSuffix("the connection was refused"), "\(error)")
        await client.shutdown()
    }

    @Test func theCommandSpeaksSOCKS() async throws {
        let dante = try await Dante()
        let files = try await CommandFiles()
        let outcome = try await MTLSCommand.run(files.options + ["-x", dante.url(), "\(files.nginx.url())/who"])
        #expect(outcome.status == 0 && outcome.output.hasPrefix("SUCCESS CN=alice"), "\(outcome.errors)")
        let closed = try LoopbackPort()
        let refused = try await MTLSCommand.run(["-sS", "-x", dante.url(), "http://127.0.0.1:\(closed.number)/"])
        #expect(refused.status == 97, "\(refused.errors)")
    }
}

import MTLSClient
import Testing

@Suite struct ProxyURLTests {
    @Test(arguments: [
        ("http://proxy.example:3128", "http://proxy.example:3128"), ("proxy:8080", "http://proxy:8080"),
        ("proxy", "http://proxy:1080"), ("https://PROXY/", "https://proxy:443"), ("SOCKS5://p:1", "socks5://p:1"),
        ("socks5h://[::1]:1080", "socks5h://[::1]:1080"), ("http://[FD00:0::1]", "http://[fd00::1]:1080"),
        ("http://user:secret@proxy:1", "http://proxy:1"), ("u%40x:p@ss@proxy:1", "http://proxy:1"),
    ])
    func aURLNamesKindAndPlaceAndIsShownWithoutCredentials(url: String, shown: String) throws {
        #expect(try Proxy(url).description == shown)
    }

    @Test(arguments: [
        "", "http://", "ftp://proxy", "socks4://proxy", "proxy:0", "proxy:65536", "proxy:x", "http://proxy/path",
        "http://[::1", "http://::1:80", "http://pro xy", "http://u%4:secret@proxy", "u%zz:secret@proxy",
        "http://secret:x@",
        "http://u:secret@proxy:port",
    ])
    func whatIsNoProxyIsRefusedAndNoSecretIsQuoted(url: String) {
        let error = #expect(throws: MTLSError.self) { try Proxy(url) }
        #expect(error?.code == .urlInvalid)
        #expect(error?.description.contains("secret") == false, "\(error?.description ?? "")")
    }

    private func settings(_ environment: [String: String]) throws -> ProxySettings {
        try ProxySettings(environment: { environment[$0] })
    }

    private func proxy(_ environment: [String: String], _ url: String) throws -> String? {
        try settings(environment).proxy(for: ParsedURL(url).origin)?.description
    }

    @Test(
        arguments: [
            (["https_proxy": "a:1"], "http://a:1", nil), (["HTTPS_PROXY": "a:1"], "http://a:1", nil),
            (["https_proxy": "a:1", "HTTPS_PROXY": "b:1"], "http://a:1", nil),
            (["http_proxy": "a:1"], nil, "http://a:1"),
            (["HTTP_PROXY": "a:1"], nil, nil), (["ALL_PROXY": "a:1"], "http://a:1", "http://a:1"),
            (["all_proxy": "socks5h://a:1", "http_proxy": "b:1"], "socks5h://a:1", "http://b:1"),
            (["https_proxy": "", "HTTPS_PROXY": "b:1", "ALL_PROXY": "c:1"], nil, "http://c:1"),
            (["ALL_PROXY": "a:1", "NO_PROXY": "example.com"], nil, nil),
            (["ALL_PROXY": "a:1", "no_proxy": "", "NO_PROXY": "example.com"], "http://a:1", "http://a:1"),
            ([:], nil, nil),
        ] as [([String: String], String?, String?)])
    func theEnvironmentIsReadAsCurlReadsIt(environment: [String: String], https: String?, http: String?) throws {
        #expect(try proxy(environment, "https://api.example.com") == https)
        #expect(try proxy(environment, "http://api.example.com") == http)
    }

    @Test func aVariableThatIsNoProxyIsNamed() {
        let error = #expect(throws: MTLSError.self) { try settings(["HTTPS_PROXY": "ftp://u:secret@x"]) }
        #expect(error?.message.contains("HTTPS_PROXY") == true)
        #expect(error?.message.contains("secret") == false)
    }

    @Test func anIdentityForAProxyWithoutTLSIsAnErrorAndNotLeftOut() throws {
        let identity = Identity.pem(certificate: "client.pem")
        let error = #expect(throws: MTLSError.self) { try HTTPProxyConnector(Proxy("http://p:1"), identity: identity) }
        #expect(error?.code == .tlsOptionsInvalid)
    }

    @Test func theWrongKindOfProxyIsRefused() throws {
        #expect(throws: MTLSError.self) { try HTTPProxyConnector(Proxy("socks5://p:1")) }
        #expect(throws: MTLSError.self) { try SOCKS5Connector(Proxy("http://p:1")) }
        #expect(throws: MTLSError.self) { try HTTPProxyConnector(Proxy("http://a%3Ab:c@p:1")) }
    }
}

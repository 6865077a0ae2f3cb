import Testing

@testable import MTLSCore

@Suite struct ParsedURLTests {
    @Test func aURLIsTakenApart() throws {
        let url = try ParsedURL("https://API.example:8443/a/b?q=1&r=%20#part")
        #expect(url.origin.scheme == .https)
        #expect(url.origin.host == "api.example")
        #expect(url.origin.port == 8443)
        #expect(url.target == "/a/b?q=1&r=%20")
    }

    @Test(arguments: [
        ("https://h", "https://h:443", "/"), ("http://h", "http://h:80", "/"), ("HTTP://H/", "http://h:80", "/"),
        ("https://h?q", "https://h:443", "/?q"), ("https://h#f", "https://h:443", "/"),
        ("https://h:443/", "https://h:443", "/"), ("https://h:/x", "https://h:443", "/x"),
        ("https://h:65535", "https://h:65535", "/"), ("https://h:00080/", "https://h:80", "/"),
        ("https://127.0.0.1/", "https://127.0.0.1:443", "/"), ("https://[::1]:8443/x", "https://[::1]:8443", "/x"),
        ("https://[2001:DB8:0:0:1:0:0:1]/", "https://[2001:db8::1:0:0:1]:443", "/"),
        ("https://a_b.example/", "https://a_b.example:443", "/"), ("https://1a.example", "https://1a.example:443", "/"),
        ("https://h/a?b=[1]|2", "https://h:443", "/a?b=[1]|2"), ("https://h/%41#%", "https://h:443", "/%41"),
        ("https://h/a/../b", "https://h:443", "/a/../b"), ("https://h/?a?b/", "https://h:443", "/?a?b/"),
        ("https://h/a@b:c", "https://h:443", "/a@b:c"), ("https://h//x", "https://h:443", "//x"),
    ])
    func whatIsAllowedIsKeptAsItIs(_ text: String, _ origin: String, _ target: String) throws {
        let url = try ParsedURL(text)
        #expect(url.origin.description == origin)
        #expect(url.target == target)
    }

    @Test(arguments: [
        "", "h", "/path", "h/path", "//h/path", "ftp://h/", "https:/h", "https:h", "https://", "https:///path",
        "https://:443/", "https://h:0/", "https://h:65536/", "https://h:99999999999999999999/", "https://h:-1/",
        "https://h:+1/", "https://h:4 4/", "https://h:٣/", "https://h:44:3/", " https://h/", "https://h/ ",
        "https://h h/", "https://h/a b", "https://h/\t", "https://h/\r\nX: y", "https://h/\0", "https://h/\u{7F}",
        "https://h/é", "https://é/", "https://h\u{301}/", "https://h/\u{301}", "https://h\\x/", "https://h/\\x",
        "https://h/<x>", "https://h/\"", "https://h/{x}", "https://h/^", "https://h/`", "https://h/%", "https://h/%4",
        "https://h/%4g", "https://h/%%41", "https://h%41/", "https://h!/", "https://h,i/", "https://.h/",
        "https://h../", "https://h./", "https://a..b/", "https://[::1/", "https://[]/", "https://[::1]x/",
        "https://[::1%25eth0]/", "https://[h]/", "https://[1.2.3.4]/", "https://::1/", "https://[:::1]/",
        "https://[1::2::3]/", "https://[1:2:3:4:5:6:7]/", "https://[1:2:3:4:5:6:7:8:9]/", "https://[12345::]/",
        "https://[::1.2.3]/", "https://[::256.1.1.1]/", "https://[::1.2.3.4:5]/", "https://[1.2.3.4::]/",
        "https://[1:2:3:4::5:6:7:8]/",
        "https://127.1/", "https://0x7f.1/", "https://2130706433/", "https://1.2.3.256/", "https://01.2.3.4/",
        "https://1.2.3.4.5/", "https://0x7f000001/", "https://user@h/", "https://user:pass@h/", "https://@h/",
        "https://h:x@i/", "https://" + String(repeating: "a", count: 64) + "/",
        "https://" + String(repeating: "a.", count: 127) + "example/",
    ])
    func whatIsNotAllowedIsTheCallersMistake(_ text: String) throws {
        let error = try thrownError { _ = try ParsedURL(text) }
        #expect(error.code == .urlInvalid)
        #expect(error.phase == .prepare)
        #expect(error.fault == .caller)
    }

    @Test(arguments: [
        "https://user:hunter2@h/", "https://hunter2@h/", "user:hunter2@h", "https://u:hun/hunter2@h/",
        "https://u:x?hunter2@h/", "https://u:x#hunter2@h/", "hunter2@https://h/", "https://h:x/?token=hunter2",
        "https://u:hunter2@\u{301}h/", "https//u:hunter2@h/?a", "ftp://u:hunter2@h@i",
    ])
    func secretsOfAURLStayOutOfTheError(_ text: String) throws {
        let error = try thrownError { _ = try ParsedURL(text) }
        #expect(!error.description.contains("hunter2"))
    }

    @Test func theErrorQuotesTheURLEscaped() throws {
        let error = try thrownError { _ = try ParsedURL("https://h/\u{1B}[2J") }
        #expect(error.message.contains("https://h/\\u{1b}[2J"))
    }

    @Test func aLongURLIsQuotedInPart() throws {
        let error = try thrownError { _ = try ParsedURL("https://h/ " + String(repeating: "x", count: 10_000)) }
        #expect(error.message.count < 400)
    }

    @Test func credentialsInTheURLAreAnsweredWithTheFieldToUse() throws {
        let error = try thrownError { _ = try ParsedURL("https://user@h/") }
        #expect(error.advice?.contains("Authorization") == true)
    }

    @Test func aMissingSchemeIsAnsweredWithTheOneToUse() throws {
        let error = try thrownError { _ = try ParsedURL("api.example/x") }
        #expect(error.advice?.contains("https://") == true)
    }

    @Test func aPathIsResolvedAtItsOrigin() throws {
        let url = try ParsedURL("/orders?page=2#top", relativeTo: try testOrigin())
        #expect(url.origin == (try testOrigin()))
        #expect(url.target == "/orders?page=2")
    }

    @Test func anAbsoluteURLMayNameAnotherOrigin() throws {
        let url = try ParsedURL("https://other.example/x", relativeTo: try testOrigin())
        #expect(url.origin.host == "other.example")
    }

    @Test(arguments: ["//evil.example/x", "orders", "?q", "", "/a b", "/\r\n", "/%x"])
    func whatIsNoPathIsRefused(_ text: String) throws {
        #expect(code(of: { _ = try ParsedURL(text, relativeTo: try testOrigin()) }) == .urlInvalid)
    }
}

@Suite struct OriginTests {
    @Test func theSameHostInOtherLettersIsTheSameOrigin() throws {
        #expect(try Origin(host: "API.Example") == Origin(host: "api.example", port: 443))
    }

    @Test func schemeHostAndPortTellOriginsApart() throws {
        let origins: Set = try [
            Origin(host: "a"), Origin(host: "b"), Origin(host: "a", port: 444), Origin(scheme: .http, host: "a"),
            Origin(scheme: .http, host: "a", port: 443),
        ]
        #expect(origins.count == 5)
    }

    @Test(arguments: [
        ("0:0:0:0:0:0:0:0", "::"), ("0:0:0:0:0:0:0:1", "::1"), ("1::", "1::"), ("::ffff:192.0.2.1", "::ffff:c000:201"),
        ("2001:0db8:0000:0000:0000:0000:0002:0001", "2001:db8::2:1"), ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ("2001:db8::1:0:0:1", "2001:db8::1:0:0:1"), ("1:0:0:2:0:0:0:3", "1:0:0:2::3"), ("1::2", "1::2"),
        ("0:1:2:3:4:5:6:7", "0:1:2:3:4:5:6:7"), ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
    ])
    func anIPv6AddressHasOneSpelling(_ text: String, _ canonical: String) throws {
        #expect(try Origin(host: text).host == canonical)
    }

    @Test func theDescriptionAlwaysNamesThePort() throws {
        #expect(try Origin(host: "a").description == "https://a:443")
        #expect(try Origin(scheme: .http, host: "::1").description == "http://[::1]:80")
    }

    @Test func theHostFieldLeavesTheDefaultPortOut() throws {
        #expect(try Origin(host: "a").authority == "a")
        #expect(try Origin(host: "a", port: 80).authority == "a:80")
        #expect(try Origin(scheme: .http, host: "::1").authority == "[::1]")
        #expect(try Origin(host: "::1", port: 8443).authority == "[::1]:8443")
    }

    @Test func theEndpointHasHostAndPort() throws {
        let endpoint = try Origin(host: "::1", port: 8443).endpoint
        #expect(endpoint == Endpoint("::1", 8443))
        #expect(endpoint.description == "[::1]:8443")
    }

    @Test(arguments: [("", 443), ("a b", 443), ("a", 0), ("a", 65536), ("a", -1), ("[::1]", 443), ("a/b", 443)])
    func anOriginThatCannotBeIsRefused(_ host: String, _ port: Int) {
        #expect(code(of: { _ = try Origin(host: host, port: port) }) == .urlInvalid)
    }
}

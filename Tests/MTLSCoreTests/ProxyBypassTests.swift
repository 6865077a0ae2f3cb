import Testing

@testable import MTLSCore

@Suite struct ProxyBypassTests {
    @Test(arguments: [
        ("example.com", "example.com"), ("example.com", "api.example.com"), (".example.com", "example.com"),
        (".example.com", "a.b.example.com"), ("*.example.com", "api.example.com"), ("EXAMPLE.com", "Api.Example.COM"),
        ("example.com.", "api.example.com"), ("other, example.com", "example.com"),
        ("other example.com", "example.com"),
        ("*", "anything"), ("*", "10.0.0.1"), ("a, *", "::1"), ("10.0.0.1", "10.0.0.1"), ("10.0.0.0/8", "10.255.0.1"),
        ("10.1.2.3/8", "10.255.0.1"), ("192.168.4.0/22", "192.168.7.255"), ("0.0.0.0/0", "8.8.8.8"),
        ("1.2.3.4/32", "1.2.3.4"), ("::1", "::1"), ("[::1]", "::1"), ("fe80::/10", "febf::1"), ("fd00::/8", "fdff::"),
        ("[fd00::]/8", "fdff::"), ("10.0.0.0/8", "::ffff:10.0.0.1"), ("::ffff:10.0.0.1", "10.0.0.1"),
        ("example.com:443", "api.example.com"), ("10.0.0.1:443", "10.0.0.1"), ("[::1]:443", "::1"), ("*:443", "x"),
        ("localhost", "localhost"),
    ])
    func whatTheListNamesIsAskedWithoutTheProxy(list: String, host: String) {
        #expect(ProxyBypass(list).covers(Endpoint(host, 443)))
    }

    @Test(arguments: [
        ("", "example.com"), ("example.com", "notexample.com"), ("example.com", "example.com.evil.test"),
        ("example.com", "com"), ("example.com:80", "example.com"), ("10.0.0.1:80", "10.0.0.1"), ("[::1]:80", "::1"),
        ("10.0.0.0/8", "11.0.0.1"), ("192.168.4.0/22", "192.168.8.0"), ("10.0.0.0/8", "10.0.0.1.example"),
        ("10.0.0.0/33", "10.0.0.1"), ("10.0.0.0/x", "10.0.0.1"), ("10.0.0.0/-1", "10.0.0.1"), ("fe80::/10", "fec0::1"),
        ("::/0", "10.0.0.1"), ("0.0.0.0/0", "::1"), ("0.1", "10.0.0.1"), (",, ,", "x"), (".", "x"),
        ("a*.com", "ab.com"),
        ("example.com:", "example.com"), ("example.com:99999", "example.com"), ("localhost", "127.0.0.1"),
    ])
    func whatTheListDoesNotNameIsNot(list: String, host: String) {
        #expect(!ProxyBypass(list).covers(Endpoint(host, 443)))
    }
}

import Testing

@testable import MTLSCore

struct URLReferenceTests {
    /// RFC 3986 §5.4.
    private static let base = URLReference("http://a/b/c/d;p?q")

    @Test(arguments: [
        ("g:h", "g:h"), ("g", "http://a/b/c/g"), ("./g", "http://a/b/c/g"), ("g/", "http://a/b/c/g/"),
        ("/g", "http://a/g"), ("//g", "http://g"), ("?y", "http://a/b/c/d;p?y"), ("g?y", "http://a/b/c/g?y"),
        ("#s", "http://a/b/c/d;p?q#s"), ("g#s", "http://a/b/c/g#s"), ("g?y#s", "http://a/b/c/g?y#s"),
        (";x", "http://a/b/c/;x"), ("g;x", "http://a/b/c/g;x"), ("g;x?y#s", "http://a/b/c/g;x?y#s"),
        ("", "http://a/b/c/d;p?q"), (".", "http://a/b/c/"), ("./", "http://a/b/c/"), ("..", "http://a/b/"),
        ("../", "http://a/b/"), ("../g", "http://a/b/g"), ("../..", "http://a/"), ("../../", "http://a/"),
        ("../../g", "http://a/g"),
    ])
    func theNormalExamplesOfTheRFCResolve(_ reference: String, _ expected: String) {
        #expect(Self.base.resolving(URLReference(reference)).description == expected)
    }

    @Test(arguments: [
        ("../../../g", "http://a/g"), ("../../../../g", "http://a/g"), ("/./g", "http://a/g"), ("/../g", "http://a/g"),
        ("g.", "http://a/b/c/g."), (".g", "http://a/b/c/.g"), ("g..", "http://a/b/c/g.."), ("..g", "http://a/b/c/..g"),
        ("./../g", "http://a/b/g"), ("./g/.", "http://a/b/c/g/"), ("g/./h", "http://a/b/c/g/h"),
        ("g/../h", "http://a/b/c/h"), ("g;x=1/./y", "http://a/b/c/g;x=1/y"), ("g;x=1/../y", "http://a/b/c/y"),
        ("g?y/./x", "http://a/b/c/g?y/./x"), ("g?y/../x", "http://a/b/c/g?y/../x"),
        ("g#s/./x", "http://a/b/c/g#s/./x"), ("g#s/../x", "http://a/b/c/g#s/../x"), ("http:g", "http:g"),
    ])
    func theAbnormalExamplesOfTheRFCResolve(_ reference: String, _ expected: String) {
        #expect(Self.base.resolving(URLReference(reference)).description == expected)
    }

    @Test(arguments: [
        ("http://a", "g", "http://a/g"), ("http://a?q", "g", "http://a/g"), ("http://a/b//c", "../g", "http://a/b/g"),
        ("http://a/", "x:1", "x:1"), ("http://a/b", "./x:1", "http://a/x:1"), ("http://a/b", "1x:1", "http://a/1x:1"),
        ("http://a/b", "https://c/../d", "https://c/d"), ("http://a/b", "//c?d", "http://c?d"),
    ])
    func otherPlacesResolveLikewise(_ base: String, _ reference: String, _ expected: String) {
        #expect(URLReference(base).resolving(URLReference(reference)).description == expected)
    }

    @Test(arguments: [
        ("/a b", "/a%20b"), ("/é", "/%C3%A9"), ("/a%20b", "/a%20b"), ("\\\\evil.example", "%5C%5Cevil.example"),
        ("/\u{1}", "/%01"), ("/a[1]|b", "/a[1]|b"),
    ])
    func whatNoURLMayHoldIsPercentEncoded(_ text: String, _ expected: String) {
        #expect(URLReference.mended(text) == expected)
    }
}

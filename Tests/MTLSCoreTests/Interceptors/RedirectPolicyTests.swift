import HTTPTypes
import Testing

@testable import MTLSCore

struct RedirectPolicyTests {
    private func policy(
        _ method: HTTPRequest.Method = .get, _ url: String = "https://a.example/x?y", maximum: Int = 5,
        sensitive: Set<HTTPField.Name> = [], fragment: String? = nil
    ) throws -> RedirectPolicy {
        let parsed = try ParsedURL(url)
        return RedirectPolicy(
            .follow(maximum: maximum, sensitiveFields: sensitive),
            start: .init(method: method, origin: parsed.origin, target: parsed.target, fragment: fragment))
    }

    /// What follows a redirect with this status and Location.
    private func step(
        _ policy: RedirectPolicy, _ status: Int, _ location: String, fields: HTTPFields = [:]
    ) throws -> RedirectPolicy.Step? {
        var policy = policy
        return try policy.next(after: try response(status, ("Location", location)), fields: fields)
    }

    @Test(arguments: [
        (301, "GET", "GET", true), (301, "POST", "GET", false), (301, "PUT", "PUT", true), (302, "POST", "GET", false),
        (302, "DELETE", "DELETE", true), (302, "HEAD", "HEAD", true), (303, "POST", "GET", false),
        (303, "PUT", "GET", false), (303, "HEAD", "HEAD", false), (303, "GET", "GET", false),
        (307, "POST", "POST", true), (307, "GET", "GET", true), (308, "PATCH", "PATCH", true),
        (308, "POST", "POST", true),
    ])
    func methodAndBodyFollowTheStatus(_ status: Int, _ method: String, _ next: String, _ keepsBody: Bool) throws {
        let start = try policy(try #require(HTTPRequest.Method(method)))
        let step = try #require(try step(start, status, "/next"))
        #expect(step.place.method.rawValue == next)
        #expect(step.keepsBody == keepsBody)
    }

    @Test(arguments: [200, 201, 300, 304, 305, 306, 399, 400])
    func otherStatusesAreAnswers(_ status: Int) throws {
        #expect(try step(try policy(), status, "/next") == nil)
    }

    @Test func aRedirectWithoutLocationIsAnAnswer() throws {
        var policy = try policy()
        #expect(try policy.next(after: try response(302), fields: [:]) == nil)
    }

    @Test func locationsThatDifferAreRefused() throws {
        var policy = try policy()
        let both = try response(302, ("Location", "/a"), ("Location", "/b"))
        #expect(code { _ = try policy.next(after: both, fields: [:]) } == .redirectInvalid)
        let same = try response(302, ("Location", "/a"), ("Location", "/a"))
        #expect(try policy.next(after: same, fields: [:])?.place.target == "/a")
    }

    @Test(arguments: [
        ("/z", "https://a.example/z"), ("z", "https://a.example/z"), ("?z", "https://a.example/x?z"),
        ("//b.example/z", "https://b.example/z"), ("https://A.example:443/z", "https://a.example/z"),
        ("https://a.example:8443", "https://a.example:8443/"), ("/z w", "https://a.example/z%20w"),
        ("https://[::1]:1/", "https://[::1]:1/"), ("", "https://a.example/x?y"),
    ])
    func aLocationIsResolvedWhereItWasFound(_ location: String, _ url: String) throws {
        let start = try policy(.post)
        #expect(try step(start, 303, location)?.place.url == url)
    }

    @Test(arguments: [
        "ftp://a.example/", "javascript:alert(1)", "https://", "https://u:secret@b.example/", "https://b.example:0/",
        "https://127.1/", "/%zz", "http:z", "file:///etc/passwd",
    ])
    func aLocationThatCannotBeAskedIsRefused(_ location: String) throws {
        let start = try policy(.post)
        let error = try thrownError { _ = try step(start, 303, location) }
        #expect(error.code == .redirectInvalid)
        #expect(!error.description.contains("secret"))
    }

    @Test func fromHTTPSToHTTPIsRefusedAndTheOtherWayIsNot() throws {
        let secure = try policy()
        #expect(code { _ = try step(secure, 302, "http://a.example/") } == .redirectInsecure)
        let plain = try policy(.get, "http://a.example/")
        #expect(try step(plain, 302, "https://a.example/")?.place.url == "https://a.example/")
        #expect(try step(plain, 302, "http://b.example/")?.place.url == "http://b.example/")
    }

    @Test func aFragmentIsInheritedUnlessTheLocationHasOne() throws {
        let start = try policy(fragment: "top")
        #expect(try step(start, 302, "/z")?.place.url == "https://a.example/z#top")
        #expect(try step(start, 302, "/z#end")?.place.url == "https://a.example/z#end")
    }

    // MARK: Fields

    private static let given: [(String, String)] = [
        ("Accept", "*/*"), ("Authorization", "Bearer x"), ("Cookie", "a=b"), ("Proxy-Authorization", "Basic x"),
        ("X-Api-Key", "k"), ("Host", "other.example"), ("Content-Type", "text/plain"), ("Content-Length", "3"),
        ("Content-Encoding", "gzip"), ("Expect", "100-continue"), ("Transfer-Encoding", "chunked"),
    ]

    private func names(_ status: Int, _ location: String, _ method: HTTPRequest.Method) throws -> Set<String> {
        let key = try #require(HTTPField.Name("X-Api-Key"))
        let step = try step(try policy(method, sensitive: [key]), status, location, fields: try fields(Self.given))
        return Set(try #require(step).fields.map(\.name.rawName))
    }

    @Test func credentialsStayWithTheirOrigin() throws {
        let all = Set(Self.given.map(\.0))
        let secret: Set<String> = ["Authorization", "Cookie", "Proxy-Authorization", "X-Api-Key", "Host"]
        #expect(try names(307, "/z", .post) == all)
        for location in ["https://b.example/", "https://a.example:8443/", "https://sub.a.example/"] {
            #expect(try names(307, location, .post) == all.subtracting(secret))
        }
    }

    @Test func whatTellsOfTheBodyGoesWithTheBody() throws {
        let rest = try names(303, "/z", .post)
        #expect(rest == ["Accept", "Authorization", "Cookie", "Proxy-Authorization", "X-Api-Key", "Host"])
    }

    // MARK: Limits

    @Test func oneMoreThanTheMaximumIsAnErrorWithTheChain() throws {
        var policy = try policy(maximum: 2)
        for number in 1...2 {
            #expect(try policy.next(after: try response(302, ("Location", "/\(number)?secret")), fields: [:]) != nil)
        }
        #expect(policy.followed == ["https://a.example/1?secret", "https://a.example/2?secret"])
        let error = try thrownError {
            _ = try policy.next(after: try response(302, ("Location", "/3")), fields: [:])
        }
        #expect(error.code == .redirectLimit)
        #expect(
            error.message.hasSuffix(
                "https://a.example/x → https://a.example/1 → https://a.example/2 → https://a.example/3"))
    }

    @Test func withAMaximumOfZeroEveryRedirectIsAnError() throws {
        let start = try policy(maximum: 0)
        #expect(code { _ = try step(start, 302, "/z") } == .redirectLimit)
    }

    @Test func aCircleIsAnError() throws {
        var policy = try policy()
        _ = try policy.next(after: try response(302, ("Location", "/z")), fields: [:])
        #expect(
            code { _ = try policy.next(after: try response(302, ("Location", "/x?y#f")), fields: [:]) }
                == .redirectLimit)
    }

    @Test func fromPOSTToGETOfTheSamePlaceIsNoCircle() throws {
        let start = try policy(.post)
        #expect(try step(start, 303, "")?.place.method == .get)
    }
}

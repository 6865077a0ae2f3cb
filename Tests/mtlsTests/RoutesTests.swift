import MTLSClient
import Testing

@testable import mtls

struct RoutesTests {
    private let api = Endpoint("api.example", 443)

    @Test func withoutRulesNothingChanges() throws {
        #expect(try Routes().route(api) == api)
    }

    /// The addresses that `--resolve` gives.
    private func addresses(_ resolve: String..., of endpoint: Endpoint) throws -> [String]? {
        try Routes(resolve: resolve).addresses[endpoint]?.map(\.description)
    }

    @Test func resolveNamesTheAddressesOfOneHostAndPort() throws {
        #expect(try addresses("API.example:443:127.0.0.1", of: api) == ["127.0.0.1"])
        #expect(try addresses("API.example:443:127.0.0.1", of: Endpoint("api.example", 8443)) == nil)
        #expect(try addresses("api.example:443:127.0.0.1,[::1],::2", of: api) == ["127.0.0.1", "::1", "::2"])
    }

    @Test func anIPv6AddressMayStandInBrackets() throws {
        #expect(try addresses("api.example:443:[::1]", of: api) == ["::1"])
        #expect(try addresses("api.example:443:::1", of: api) == ["::1"])
    }

    @Test func anyHostIsAStar() throws {
        #expect(try addresses("*:443:127.0.0.1", of: Endpoint("*", 443)) == ["127.0.0.1"])
    }

    @Test func aMinusTakesAnEarlierRuleBack() throws {
        #expect(try addresses("+api.example:443:127.0.0.1", "-api.example:443", of: api) == nil)
    }

    @Test func connectToChangesHostAndPort() throws {
        let routes = try Routes(connectTo: ["api.example:443:localhost:8443"])
        #expect(routes.route(api) == Endpoint("localhost", 8443))
        #expect(routes.route(Endpoint("other", 443)).host == "other")
    }

    @Test func emptyPartsMatchAnythingAndChangeNothing() throws {
        #expect(try Routes(connectTo: ["::localhost:8443"]).route(api) == Endpoint("localhost", 8443))
        #expect(try Routes(connectTo: ["api.example:::8443"]).route(api) == Endpoint("api.example", 8443))
        #expect(try Routes(connectTo: ["api.example:443:localhost:"]).route(api) == Endpoint("localhost", 443))
    }

    @Test func theFirstDetourThatMatchesCounts() throws {
        #expect(try Routes(connectTo: ["api.example::one:1", "::two:2"]).route(api) == Endpoint("one", 1))
    }

    @Test func detoursTakeBracketedAddresses() throws {
        #expect(try Routes(connectTo: ["[::1]:443:[::2]:8443"]).route(Endpoint("::1", 443)) == Endpoint("::2", 8443))
    }

    @Test(arguments: [
        "", "host", "host:443", "host:x:127.0.0.1", "host:0:127.0.0.1", "host:443:", ":443:::1", "h:443:name",
        "h:443:127.0.0.1,", "h:443:1.2.3",
    ])
    func aMalformedResolveIsRefused(_ text: String) {
        #expect(throws: UsageError.self) { try Routes(resolve: [text]) }
    }

    @Test(arguments: ["", "a", "a:1", "a:x:b:1", "a:1:b:x", "a:1:b:99999", "[::1:1:b:1"])
    func aMalformedConnectToIsRefused(_ text: String) {
        #expect(throws: UsageError.self) { try Routes(connectTo: [text]) }
    }
}

import MTLSClient
import Testing

@testable import mtls

struct RoutesTests {
    private let api = Endpoint("api.example", 443)

    @Test func withoutRulesNothingChanges() throws {
        #expect(try Routes().route(api) == api)
    }

    @Test func resolveChangesTheAddressOfOneHostAndPort() throws {
        let routes = try Routes(resolve: ["API.example:443:127.0.0.1"])
        #expect(routes.route(api) == Endpoint("127.0.0.1", 443))
        #expect(routes.route(Endpoint("api.example", 8443)).host == "api.example")
    }

    @Test func theFirstOfSeveralAddressesIsUsed() throws {
        #expect(try Routes(resolve: ["api.example:443:127.0.0.1,127.0.0.2"]).route(api).host == "127.0.0.1")
    }

    @Test func anIPv6AddressMayStandInBrackets() throws {
        #expect(try Routes(resolve: ["api.example:443:[::1]"]).route(api).host == "::1")
        #expect(try Routes(resolve: ["api.example:443:::1"]).route(api).host == "::1")
    }

    @Test func anyHostIsMatchedByAStarThatNoExactRulePrecedes() throws {
        let routes = try Routes(resolve: ["*:443:127.0.0.1", "api.example:443:127.0.0.2"])
        #expect(routes.route(api).host == "127.0.0.2")
        #expect(routes.route(Endpoint("other", 443)).host == "127.0.0.1")
    }

    @Test func aMinusTakesAnEarlierRuleBack() throws {
        #expect(try Routes(resolve: ["+api.example:443:127.0.0.1", "-api.example:443"]).route(api) == api)
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

    @Test func resolveAppliesToTheHostThatADetourLedTo() throws {
        let routes = try Routes(resolve: ["other:8443:127.0.0.9"], connectTo: ["api.example:443:other:8443"])
        #expect(routes.route(api) == Endpoint("127.0.0.9", 8443))
    }

    @Test(arguments: [
        "", "host", "host:443", "host:x:127.0.0.1", "host:0:127.0.0.1", "host:443:", ":443:::1", "h:443:name",
    ])
    func aMalformedResolveIsRefused(_ text: String) {
        #expect(throws: UsageError.self) { try Routes(resolve: [text]) }
    }

    @Test(arguments: ["", "a", "a:1", "a:x:b:1", "a:1:b:x", "a:1:b:99999", "[::1:1:b:1"])
    func aMalformedConnectToIsRefused(_ text: String) {
        #expect(throws: UsageError.self) { try Routes(connectTo: [text]) }
    }
}

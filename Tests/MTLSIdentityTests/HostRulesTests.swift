import DevPKI
import MTLSCore
import Testing

@testable import MTLSIdentity

/// Which identity a host gets.
@Suite struct HostRulesTests {
    /// The name of the rule that serves `host`.
    private func rule(_ host: String, _ port: Int = 443, among patterns: String...) async throws -> String? {
        struct Reached: Error { let pattern: String }
        let rules = Dictionary(
            uniqueKeysWithValues: patterns.map { pattern in
                (pattern, Identity.resolving { _ in throw Reached(pattern: pattern) })
            })
        do {
            let found = try await Identity.perHost(rules).candidates(for: Endpoint(host, port))
            #expect(found.isEmpty)
            return nil
        } catch let reached as Reached {
            return reached.pattern
        }
    }

    @Test func anExactHostGoesBeforeAWildcard() async throws {
        #expect(try await rule("a.example", among: "*.example", "a.example") == "a.example")
        #expect(try await rule("b.example", among: "*.example", "a.example") == "*.example")
        #expect(try await rule("a.example", among: "*.example:443", "a.example") == "a.example")
    }

    @Test func aRuleWithAPortGoesBeforeOneWithout() async throws {
        #expect(try await rule("a.example", 8443, among: "a.example", "a.example:8443") == "a.example:8443")
        #expect(try await rule("a.example", 443, among: "a.example", "a.example:8443") == "a.example")
        #expect(try await rule("a.example", 443, among: "a.example:8443") == nil)
        #expect(try await rule("a.example", 8443, among: "*.example", "*.example:8443") == "*.example:8443")
    }

    @Test func caseDoesNotMatter() async throws {
        #expect(try await rule("API.Example", among: "api.example") == "api.example")
        #expect(try await rule("api.example", among: "API.Example") == "API.Example")
        #expect(try await rule("x.example", among: "*.EXAMPLE") == "*.EXAMPLE")
    }

    @Test func aWildcardIsOneLabelAndTheFirst() async throws {
        #expect(try await rule("a.b.example", among: "*.example") == nil)
        #expect(try await rule("example", among: "*.example") == nil)
    }

    @Test(
        arguments: [
            "a.*.example", "a*.example", "*", "*.", "*.0.0.1", "https://a.example", "a.example/path", "a.example:0",
            "a.example:65536", "a.example:http", "", "[::1", "a b.example",
        ])
    func aRuleThatNamesNoHostIsAnErrorAndNotAnAnonymousConnection(pattern: String) async throws {
        let error = await #expect(throws: MTLSError.self) {
            try await rule("a.example", among: pattern, "a.example")
        }
        #expect(error?.code == .tlsOptionsInvalid)
        #expect(error?.message.contains("\"\(pattern)\"") == true)
    }

    @Test func withoutARuleThereIsNoIdentity() async throws {
        #expect(try await rule("a.example") == nil)
        #expect(try await rule("a.example", among: "b.example", "example", "a.example.") == nil)
    }

    @Test func addressesMatchThemselvesAndNoWildcard() async throws {
        #expect(try await rule("127.0.0.1", among: "127.0.0.1") == "127.0.0.1")
        #expect(try await rule("127.0.0.1", 8443, among: "127.0.0.1:8443") == "127.0.0.1:8443")
    }

    @Test(arguments: ["::1", "[::1]", "[::1]:8443", "0:0:0:0:0:0:0:1", "[0::1]"])
    func anIPv6AddressMayStandInBracketsAndInAnySpelling(pattern: String) async throws {
        #expect(try await rule("::1", 8443, among: pattern) == pattern)
        #expect(try await rule("::2", 8443, among: pattern) == nil)
    }

    @Test func thePortOfAnIPv6AddressIsBehindTheBracket() async throws {
        #expect(try await rule("::1", 443, among: "[::1]:8443") == nil)
        // Without brackets this is another address.
        #expect(try await rule("::1", 443, among: "::1:443") == nil)
        #expect(try await rule("::1:443", 1, among: "::1:443") == "::1:443")
    }

    @Test func twoRulesForOneHostAreAnErrorAndNotAGuess() async throws {
        let error = await #expect(throws: MTLSError.self) {
            try await rule("b.example", among: "API.example", "api.example", "b.example")
        }
        #expect(error?.code == .tlsOptionsInvalid)
        #expect(error?.message.contains("\"API.example\", \"api.example\"") == true)
    }

    // MARK: Redirects

    private func reached(_ host: String, _ reachedBy: ReachedBy, _ identity: Identity) async throws -> Int {
        try await identity.candidates(for: Endpoint(host, 443), reachedBy: reachedBy).count
    }

    @Test func whatARedirectNamesGetsAnIdentityOnlyFromARuleForItsHost() async throws {
        let issued = try CertificateAuthority(commonName: "Root").issueClient(commonName: "alice")
        let alice = Identity.pem(certificate: issued.certificatePEM, key: try issued.key())
        #expect(try await reached("a.example", .caller, alice) == 1)
        #expect(try await reached("a.example", .redirect, alice) == 0)
        let resolving = Identity.resolving { try await alice.candidates(for: $0) }
        #expect(try await reached("a.example", .redirect, resolving) == 0)

        let ruled = Identity.perHost(["*.example": alice])
        #expect(try await reached("a.example", .redirect, ruled) == 1)
        #expect(try await reached("a.other", .redirect, ruled) == 0)
        #expect(try await reached("a.example", .redirect, ruled.observed { _ in }) == 1)
        #expect(try await reached("a.example", .redirect, .perHost(["b.example": alice])) == 0)
    }

    @Test func ofSeveralIdentitiesARedirectGetsThoseThatHaveARule() async throws {
        let authority = try CertificateAuthority(commonName: "Root")
        let (alice, bob) = (
            try authority.issueClient(commonName: "alice"), try authority.issueClient(commonName: "bob")
        )
        let both = Identity.anyOf([
            .pem(certificate: alice.certificatePEM, key: try alice.key()),
            .perHost(["a.example": .pem(certificate: bob.certificatePEM, key: try bob.key())]),
        ])
        #expect(try await reached("a.example", .caller, both) == 2)
        #expect(try await reached("b.example", .caller, both) == 1)
        let found = try await both.candidates(for: Endpoint("a.example", 443), reachedBy: .redirect)
        #expect(found.map(\.subject) == ["CN=bob"])
    }

    @Test func aFaultyRuleIsAnErrorAfterARedirectToo() async throws {
        let error = await #expect(throws: MTLSError.self) {
            try await reached("a.example", .redirect, .perHost(["https://x": .resolving { _ in [] }]))
        }
        #expect(error?.code == .tlsOptionsInvalid)
    }
}

import ArgumentParser
import MTLSClient
import Testing

@testable import mtls

struct ProxyPlanTests {
    private func plan(_ arguments: String..., environment: [String: String] = [:]) throws -> ProxyPlan {
        try ProxyPlan(
            RequestOptions.parse(Arguments.split(["u"] + arguments)).proxy, exists: { _ in false },
            variable: { environment[$0] })
    }

    private func proxy(_ plan: ProxyPlan) throws -> String? {
        plan.settings.proxy(for: try Origin(host: "api.example")).map { "\($0)" }
    }

    @Test func theProxyIsTheOptionsElseTheEnvironments() throws {
        let environment = ["https_proxy": "http://env:1"]
        #expect(try proxy(plan()) == nil)
        #expect(try proxy(plan(environment: environment)) == "http://env:1")
        #expect(try proxy(plan("-xone:3128", environment: environment)) == "http://one:3128")
        #expect(try proxy(plan("--socks5", "one", environment: environment)) == "socks5://one:1080")
        #expect(try proxy(plan("--socks5-hostname", "one:1")) == "socks5h://one:1")
        #expect(try proxy(plan("-x", "", environment: environment)) == nil)
    }

    @Test func exceptionsHoldForProxiesOfBothKinds() throws {
        let environment = ["NO_PROXY": "api.example"]
        #expect(try proxy(plan("-xone", environment: environment)) == nil)
        #expect(try proxy(plan("-xone", "--noproxy", "", environment: environment)) != nil)
        #expect(try proxy(plan("-xone", "--noproxy", ".example")) == nil)
    }

    @Test func aPasswordOnTheCommandLineIsTakenWithAWarningThatDoesNotRepeatIt() throws {
        let plan = try plan("-xone", "-U", "alice:hunter2")
        #expect(plan.settings.https?.credentials != nil)
        #expect(plan.warnings.count == 1 && !plan.warnings[0].contains("hunter2"))
        #expect(try self.plan("-x", "http://alice:hunter2@one").warnings.count == 1)
        #expect(try self.plan("-xone", "-Ualice", "--proxy-password-env", "X").warnings.isEmpty)
    }

    @Test(arguments: [
        ["-x", "ftp://one"], ["--proxy-pass", "hunter2"], ["-xone", "--proxy-cert", "a.pem"],
        ["-xone", "--proxy-password-env", "X"], ["-xone", "-Ua:hunter2", "--proxy-password-env", "X"],
        ["-xone", "-Ua", "--proxy-password-env", "X", "--proxy-password-source", "Y"], ["--proxy-cert", "a.pem"],
        ["-x", "https://one", "--proxy-key", "k.pem"], ["-x", "http://a:hunter2@"],
    ])
    func whatCannotBeFollowedIsAUsageErrorWithoutSecrets(_ arguments: [String]) throws {
        let options = try RequestOptions.parse(Arguments.split(["u"] + arguments)).proxy
        let error = #expect(throws: UsageError.self) {
            try ProxyPlan(options, exists: { _ in false }, variable: { _ in nil })
        }
        #expect(error?.description.contains("hunter2") == false)
    }

    @Test func aSOCKSProxyThatSaysNoIs97AndAnHTTPProxy56() {
        func status(_ code: MTLSError.Code, _ underlying: (any Error)? = nil) -> Int32 {
            ExitStatus.of(MTLSError(code, phase: .proxy, fault: .peer, "", underlying: underlying))
        }
        for code in [MTLSError.Code.proxyRefused, .proxyMalformed, .proxyAuthenticationRequired] {
            #expect(status(code) == 56)
            #expect(status(code, SOCKS5Failure()) == 97)
        }
        #expect(status(.resolveFailed) == 5)
        #expect(status(.connectFailed) == 7)
        #expect(status(.timeoutConnect) == 28)
        #expect(status(.issuerUnknown) == 60)
        #expect(status(.localAddressUnavailable) == 45)
    }
}

struct TransportPlanTests {
    private func plan(_ arguments: String...) throws -> TransportPlan {
        try TransportPlan(RequestOptions.parse(Arguments.split(["u"] + arguments)).transport) { name in
            name == "eth7" ? [IPAddress("10.0.0.7"), IPAddress("fd00::7")].compactMap(\.self) : []
        }
    }

    @Test func anInterfaceIsAnAddressOrAllThatItHas() throws {
        #expect(try plan("--interface", "10.0.0.9").tcp.localAddresses.map(\.description) == ["10.0.0.9"])
        #expect(try plan("--interface", "eth7").tcp.localAddresses.map(\.description) == ["10.0.0.7", "fd00::7"])
        #expect(try TransportPlan(TransportOptions.parse(["--interface", "lo"])).tcp.localAddresses.isEmpty == false)
    }

    @Test func keepAliveIsAsTold() throws {
        #expect(try plan().tcp.keepAlive == .init())
        #expect(
            try plan("--keepalive-time", "5", "--keepalive-cnt", "3").tcp.keepAlive
                == .init(idle: .seconds(5), interval: .seconds(5), count: 3))
        #expect(try plan("--no-keepalive").tcp.keepAlive == nil)
    }

    @Test(arguments: [
        ["--interface", "eth8"], ["--keepalive-time", "x"], ["--keepalive-cnt", "0"], ["--keepalive-cnt", "x"],
        ["--unix-socket", ""],
    ])
    func whatCannotBeFollowedIsAUsageError(_ arguments: [String]) throws {
        let options = try RequestOptions.parse(Arguments.split(["u"] + arguments)).transport
        #expect(throws: UsageError.self) { try TransportPlan(options, interface: { _ in [] }) }
    }
}

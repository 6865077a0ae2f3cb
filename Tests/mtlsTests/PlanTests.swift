import ArgumentParser
import HTTPTypes
import MTLSClient
import Testing

@testable import mtls

struct PlanTests {
    private func plan(_ arguments: String...) throws -> Plan {
        let arguments = Arguments.split(arguments)
        return try Plan(
            RequestOptions.parse(arguments), dataKinds: Arguments.dataKinds(in: arguments), exists: { _ in false })
    }

    @Test func theMethodFollowsFromWhatIsSent() throws {
        #expect(try plan("u").method == .get)
        #expect(try plan("u", "-d", "x").method == .post)
        #expect(try plan("u", "-I").method == .head)
        #expect(try plan("u", "-d", "x", "-XPUT").method == .put)
    }

    @Test func renegotiationAndKeyLogTakeAnOptionEach() throws {
        let plain = try plan("u").connection
        #expect(!plain.tls.allowsRenegotiation && plain.keyLog == nil)
        let asked = try plan("u", "--renegotiate", "--key-log", "keys").connection
        #expect(asked.tls.allowsRenegotiation && asked.keyLog == "keys")
    }

    @Test func dataIsAForm() throws {
        #expect(try plan("u", "-dx").defaultFields[.contentType] == "application/x-www-form-urlencoded")
        #expect(try plan("u").defaultFields[.contentType] == nil)
    }

    @Test func aURLWithoutASchemeIsHTTPS() throws {
        let targets = try plan("a.example/x", "http://b.example").targets
        #expect(targets.map(\.effectiveURL) == ["https://a.example/x", "http://b.example"])
        #expect(targets.map(\.url) == ["a.example/x", "http://b.example"])
    }

    @Test func filesGoToTheURLsInOrder() throws {
        #expect(try plan("a", "b", "c", "-oA", "-o", "-").targets.map(\.file) == ["A", nil, nil])
    }

    @Test func optionsMayStandBeforeAndBehindTheURL() throws {
        let plan = try plan("-sS", "https://a", "-XPATCH", "-i")
        #expect(plan.method == .patch && plan.includesHead && plan.targets.count == 1)
    }

    @Test func aValueMayBeginWithADash() throws {
        #expect(try plan("-d", "-x", "u").data == [.literal("-x")])
        #expect(try plan("-w-", "u").writeOut == "-")
    }

    @Test(arguments: [
        ["u", "-oA", "-oB"], ["u", "-I", "-dx"], ["u", "-X", "A B"], ["u", "--tls-max", "1.1"],
        ["u", "--tlsv1.3", "--tls-max", "1.2"], ["u", "-m", "x"], ["u", "-m", "-1"], ["u", "--connect-timeout", "1e3"],
        ["u", "--pin-env", "A", "--pin-source", "B"], ["u", "--pass-env", "A", "--pass-source", "B"],
    ])
    func whatCannotBeFollowedIsAUsageError(_ arguments: [String]) throws {
        let options = try RequestOptions.parse(Arguments.split(arguments))
        #expect(throws: UsageError.self) {
            try Plan(options, dataKinds: Arguments.dataKinds(in: Arguments.split(arguments)), exists: { _ in false })
        }
    }

    @Test func aPassphraseOnTheCommandLineIsRefusedAndNotRepeated() throws {
        let error = #expect(throws: UsageError.self) { try plan("u", "--pass", "hunter2") }
        #expect(try #require(error).description.contains("hunter2") == false)
    }

    @Test func timesMayBeFractions() throws {
        #expect(try plan("u", "-m", "2.5").connection.timeouts.request == .milliseconds(2500))
    }

    @Test func theConnectTimeoutCoversTheHandshake() throws {
        let timeouts = try plan("u", "--connect-timeout", ".5").connection.timeouts
        #expect(timeouts.connect == .milliseconds(500) && timeouts.handshake == .milliseconds(500))
        #expect(timeouts.request == nil && timeouts.responseHead == nil)
    }

    @Test func versionsOfTLSAreBounds() throws {
        #expect(try plan("u").connection.tls == TLSSettings())
        #expect(try plan("u", "--tlsv1.3").connection.tls.minimumVersion == .v1_3)
        #expect(try plan("u", "--tlsv1.2", "--tls-max", "1.2").connection.tls.maximumVersion == .v1_2)
    }

    @Test func repeatedTrustFilesAreAllTaken() throws {
        #expect(try plan("u", "--cacert", "a", "--cacert", "b").connection.anchors == ["a", "b"])
    }

    @Test func helpOfTheCommandShowsTheOptionsOfARequest() throws {
        let help = try #require(Main.text(for: ["--help"]))
        #expect(help.contains("--pin-source") && help.contains("--connect-to") && help.contains("pkcs11:"))
        #expect(help.contains(#"-w '%{http_code}\n' -o"#))
        #expect(Main.text(for: ["-h", "x"]) == nil)
    }
}

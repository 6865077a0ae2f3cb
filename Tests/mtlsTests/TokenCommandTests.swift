import ArgumentParser
import GnuTLS
import MTLSClient
import PKCS11
import Testing

@testable import mtls

struct TokenCommandTests {
    private func command(_ line: String...) throws -> any ParsableCommand {
        try MTLS.parseAsRoot(Arguments.split(line))
    }

    @Test func subcommandsAreFoundBesideURLs() throws {
        #expect(try command("tokens", "list") is TokensList)
        #expect(try command("doctor", "pkcs11:token=x") is DoctorCommand)
        #expect(try command("keys", "delete", "pkcs11:token=x;object=y", "--yes") is KeysDelete)
        #expect(try command("https://api.example") is RequestCommand)
        #expect(try command("-sSXPOST", "api.example/tokens") is RequestCommand)
    }

    @Test func theirOptionsSurviveTheSplittingOfClusters() throws {
        let request = try #require(
            try command(
                "keys", "request", "pkcs11:object=x", "--subject", "CN=-sS", "--san", "a.example", "--san", "ip:::1",
                "-ofile", "--pin-source", "prompt") as? KeysRequest)
        #expect(request.names.subject == "CN=-sS")
        #expect(request.names.san == ["a.example", "ip:::1"])
        #expect(request.output == "file")
        #expect(request.token.pinSource == "prompt")
        let doctor = try #require(try command("doctor", "-E", "c.pem", "pkcs11:", "--strict") as? DoctorCommand)
        #expect(doctor.cert == "c.pem" && doctor.strict)
    }

    @Test func everyKindOfKeyHasItsName() throws {
        for kind in KeysGenerate.Kind.allCases {
            let made = try command("keys", "generate", "pkcs11:object=x", "--type", kind.rawValue) as? KeysGenerate
            #expect(made?.type == kind)
        }
        #expect(throws: (any Error).self) { try command("keys", "generate", "pkcs11:object=x", "--type", "rsa1024") }
    }

    @Test func namesSayOrShowOfWhichKindTheyAre() throws {
        var options = try NameOptions.parse(["--subject", "CN=x"])
        options.san = ["a.example", "10.0.0.1", "::1", "a@b.example", "https://x/", "dns:10.0.0.1", "uri:urn:x"]
        let names = try options.alternatives()
        #expect(names.dns == ["a.example", "10.0.0.1"])
        #expect(names.addresses == [[10, 0, 0, 1], [UInt8](repeating: 0, count: 15) + [1]])
        #expect(names.emails == ["a@b.example"])
        #expect(names.uris == ["https://x/", "urn:x"])
    }

    @Test(arguments: ["ip:a.example", "dns:", "a b", "é.example"])
    func aNameThatCannotBeIsAUsageError(name: String) throws {
        var options = try NameOptions.parse(["--subject", "CN=x"])
        options.san = [name]
        #expect(throws: UsageError.self) { try options.alternatives() }
    }

    @Test func attributesAreShownEscapedOrInHexadecimal() throws {
        let uri = try PKCS11URI("pkcs11:token=a%1B%5B2Jb;id=%01%FF?pin-value=4711")
        let plain = uri.attributes.map { "\($0.name)=\(TokensExplain.value($0, hex: false))" }
        #expect(plain == [#"token=a\x1b[2Jb"#, #"id=\x01\xff"#, "pin-value=<secret>"])
        let hex = uri.attributes.map { "\($0.name)=\(TokensExplain.value($0, hex: true))" }
        #expect(hex == ["token=611b5b324a62", "id=01ff", "pin-value=<secret>"])
    }

    @Test func everyAttributeIsExplained() throws {
        let text =
            "pkcs11:token=a;manufacturer=b;serial=c;model=d;library-manufacturer=e;library-description=f;"
            + "library-version=2.40;slot-id=7;slot-description=g;slot-manufacturer=h;object=i;type=cert;id=j"
            + "?pin-source=k&module-name=l&module-path=m"
        let pairs = try PKCS11URI(text).attributes.map { "\($0.name)=\(TokensExplain.value($0, hex: false))" }
        #expect(pairs.joined(separator: ";") == text.dropFirst(7).map { "?&".contains($0) ? ";" : String($0) }.joined())
    }

    @Test func aURIIsQuotedForTheShell() throws {
        #expect(try PKCS11URI("pkcs11:token=it's").shellQuoted == "'pkcs11:token=it%27s'")
    }

    @Test func aPINInTheURIIsRefused() throws {
        let options = try TokenOptions.parse([])
        #expect(throws: UsageError.self) { try options.pin(for: "pkcs11:token=x?pin-value=1") }
        #expect(throws: UsageError.self) { try options.pin(for: "https://api.example") }
    }

    @Test func thePINIsAskedForWhereNothingSaysWhereItIs() throws {
        let options = try TokenOptions.parse([])
        #expect(try options.pin(for: "pkcs11:token=x", hasTerminal: true) != nil)
        #expect(try options.pin(for: "pkcs11:token=x", hasTerminal: false) == nil)
        #expect(try options.pin(for: "pkcs11:token=x?pin-source=/pin", hasTerminal: true) == nil)
        #expect(throws: UsageError.self) {
            try TokenOptions.parse(["--pin-source", "a", "--pin-env", "b"]).pin(for: "pkcs11:")
        }
    }

    @Test func aTokensStateIsToldInWords() {
        let good: TokenInfo.Flags = [.tokenInitialized, .loginRequired, .userPINInitialized]
        #expect(TokenState.text([]) == "not initialised")
        #expect(TokenState.text(.tokenInitialized) == "needs no PIN")
        #expect(TokenState.text(good) == "needs a PIN")
        #expect(TokenState.text(good.union(.userPINCountLow)) == "needs a PIN, few tries left")
        #expect(TokenState.text(good.union([.userPINCountLow, .userPINFinalTry])) == "needs a PIN, LAST TRY")
        #expect(TokenState.text(good.union([.userPINFinalTry, .userPINLocked])) == "needs a PIN, PIN LOCKED")
        #expect(TokenState.text(good.union(.protectedAuthenticationPath)) == "PIN entered at the token")
    }

    @Test func jsonIsEscapedAndKeepsItsOrder() {
        let json = JSON.object([("b", .array([.number(-1), .bool(true), .null])), ("a\"", .string("\\\n\u{1}"))])
        #expect(json.text == #"{"b":[-1,true,null],"a\"":"\\\n\u0001"}"#)
    }

    @Test func hexadecimalDigitsComeInPairs() {
        #expect(Hex.bytes("01:fF") == [1, 255])
        for text in ["", "1", "0g", "+1", "-1", " 1"] { #expect(Hex.bytes(text) == nil) }
        #expect(Hex.text([0, 10, 255]) == "000aff")
    }

    @Test func columnsAreAligned() {
        #expect(Columns.aligned([["A", "B"], ["long", "x"], ["y"]]) == ["A     B", "long  x", "y"])
    }
}

import PKCS11
import SecretMemory
import Testing

@Suite struct URITests {
    @Test func everyAttributeIsParsed() throws {
        let uri = try PKCS11URI(
            "pkcs11:token=prod;manufacturer=ACME;serial=00a1;model=X%2F1;library-manufacturer=L;"
                + "library-description=D;library-version=2.40;slot-id=7;slot-description=S;slot-manufacturer=M;"
                + "object=client%20key;type=private;id=%01%ff"
                + "?pin-source=file:/run/pin&module-name=softhsm2&module-path=/usr/lib/x.so")
        #expect(uri.token == Array("prod".utf8))
        #expect(uri.manufacturer == Array("ACME".utf8))
        #expect(uri.serial == Array("00a1".utf8))
        #expect(uri.model == Array("X/1".utf8))
        #expect(uri.libraryManufacturer == Array("L".utf8))
        #expect(uri.libraryDescription == Array("D".utf8))
        #expect(uri.libraryVersion == .init(major: 2, minor: 40))
        #expect(uri.slotID == 7)
        #expect(uri.slotDescription == Array("S".utf8))
        #expect(uri.slotManufacturer == Array("M".utf8))
        #expect(uri.object == Array("client key".utf8))
        #expect(uri.type == .privateKey)
        #expect(uri.id == [0x01, 0xFF])
        #expect(uri.pinSource == "file:/run/pin")
        #expect(uri.moduleName == "softhsm2")
        #expect(uri.modulePath == "/usr/lib/x.so")
    }

    @Test func aPINIsHeldAndNeverShown() throws {
        let uri = try PKCS11URI("pkcs11:token=a?pin-value=12%2034")
        #expect(uri.pinValue == secret("12 34"))
        #expect(uri.formatted == "pkcs11:token=a")
        #expect("\(uri)" == "pkcs11:token=a")
        #expect(String(reflecting: uri) == "pkcs11:token=a")
        #expect(Mirror(reflecting: uri).children.isEmpty)
    }

    @Test(arguments: [
        "pkcs11:", "pkcs11:token=a", "pkcs11:token=", "pkcs11:id=%01", "pkcs11:type=cert", "pkcs11:type=secret-key",
        "pkcs11:object=a&b=c", "pkcs11:object=%23%3B%3F%25", "pkcs11:library-version=3.0", "pkcs11:slot-id=0",
        "pkcs11:object=%FF%00", "pkcs11:?module-path=/a/b?c|d", "pkcs11:object=a:[]@!$'()*+,=&-._~",
    ])
    func whatIsFormattedParsesToTheSame(_ text: String) throws {
        let uri = try PKCS11URI(text)
        #expect(uri.formatted == text)
        #expect(try PKCS11URI(uri.formatted) == uri)
    }

    @Test func theSchemeIsCaseInsensitive() throws {
        #expect(try PKCS11URI("PKCS11:token=a").token == Array("a".utf8))
        #expect(PKCS11URI.isURI("PkCs11:"))
        #expect(!PKCS11URI.isURI("pkcs1"))
        #expect(!PKCS11URI.isURI("/etc/pkcs11:"))
    }

    @Test func aVersionWithoutAMinorNumberHasZero() throws {
        #expect(try PKCS11URI("pkcs11:library-version=3").libraryVersion == .init(major: 3, minor: 0))
    }

    @Test(arguments: [
        ("token:a", "pkcs11:", 0),
        ("pkcs11:tokn=a", "tokn", 7),
        ("pkcs11:Token=a", "Token", 7),
        ("pkcs11:x-vendor=a", "x-vendor", 7),
        ("pkcs11:token=a;token=b", "token", 15),
        ("pkcs11:object=my key", "object", 16),
        ("pkcs11:object=my\tkey", "object", 16),
        ("pkcs11:object=my\nkey", "object", 16),
        ("pkcs11: token=a", "token", 7),
        ("pkcs11:object=a#b", "object", 15),
        ("pkcs11:object=a/b", "object", 15),
        ("pkcs11:object=\"a\"", "object", 14),
        ("pkcs11:object=é", "object", 14),
        ("pkcs11:object=%", "object", 14),
        ("pkcs11:object=a%2", "object", 15),
        ("pkcs11:object=%zz", "object", 14),
        ("pkcs11:object=%+1", "object", 14),
        ("pkcs11:type=key", "type", 12),
        ("pkcs11:type=", "type", 12),
        ("pkcs11:slot-id=1x", "slot-id", 15),
        ("pkcs11:slot-id=+1", "slot-id", 15),
        ("pkcs11:slot-id=99999999999999999999", "slot-id", 15),
        ("pkcs11:library-version=1.2.3", "library-version", 23),
        ("pkcs11:library-version=256.0", "library-version", 23),
        ("pkcs11:library-version=1.", "library-version", 23),
        ("pkcs11:token", "name=value", 7),
        ("pkcs11:token=a;", "name=value", 15),
        ("pkcs11:token=a;;object=b", "name=value", 15),
        ("pkcs11:=a", "unknown", 7),
        ("pkcs11:module-path=/a", "module-path", 7),
        ("pkcs11:token=a?object=b", "object", 15),
        ("pkcs11:?module-path=%FF", "module-path", 20),
        ("pkcs11:?module-path=%00", "module-path", 20),
        ("pkcs11:?module-name=a&module-name=b", "module-name", 22),
    ])
    func aBreachOfTheRulesNamesTheAttributeAndItsOffset(_ text: String, _ name: String, _ offset: Int) throws {
        let error = try #require(throws: PKCS11Error.self) { try PKCS11URI(text) }
        #expect(error.kind == .uriInvalid)
        #expect(error.message.contains(name))
        #expect(offset == 0 || error.message.hasSuffix("offset \(offset)"), "\(error)")
    }

    @Test(arguments: [
        "pkcs11:pin-value=8642", "pkcs11:?pin-value=8642%", "pkcs11:?pin-value=8642 1", "pkcs11:?8642",
        "pkcs11:?pin-value=1&pin-value=8642", "pkcs11:?pin-value=8642&pin-source=/8642", "pkcs11:8642",
        "pkcs11:pin-source=8642", "pkcs11:?pin-value=8642\u{7}", "pkcs11:?pin-value=8642#",
    ])
    func anErrorNeverRepeatsThePIN(_ text: String) throws {
        let error = try #require(throws: PKCS11Error.self) { try PKCS11URI(text) }
        #expect(error.kind == .uriInvalid)
        #expect(!"\(error)".contains("8642"))
    }

    @Test func anIdentifierIsFormattedInHexadecimalThroughout() {
        var uri = PKCS11URI()
        uri.id = Array("key".utf8)
        #expect(uri.formatted == "pkcs11:id=%6B%65%79")
    }

    @Test func everyByteOfALabelSurvives() throws {
        var uri = PKCS11URI()
        uri.object = (0...255).map { UInt8($0) }
        #expect(try PKCS11URI(uri.formatted) == uri)
    }

    @Test func anyDamageToAURIIsAnErrorOrAURIThatRoundTrips() throws {
        let whole = Array("pkcs11:token=a%20b;object=c;id=%01%02;type=private?module-path=/x/y&pin-source=z".utf8)
        for index in whole.indices {
            for byte: UInt8 in [0, 9, 32, 35, 37, 38, 59, 61, 63, 65, 127] {
                var bytes = whole
                bytes[index] = byte
                guard let uri = try? PKCS11URI(String(decoding: bytes, as: UTF8.self)) else { continue }
                #expect(try PKCS11URI(uri.formatted) == uri)
            }
        }
    }

    @Test func controlCharactersOfATokenAreEscaped() {
        #expect(TokenText(Array("a\u{1B}[2Jb".utf8)).description == "a\\x1b[2Jb")
        #expect(TokenText([0xFF, 0x41]).description == "\\xffA")
        #expect(TokenText(Array("Schlüssel".utf8)).description == "Schlüssel")
        #expect(TokenText(Array("a\u{202E}b".utf8)).description == "a\\xe2\\x80\\xaeb")
    }
}

import MTLSCore
import PKCS11
import SecretMemory
import Testing

@testable import MTLSIdentity

/// Where a token's PIN comes from (RFC 7512 §2.4).
@Suite struct PINsTests {
    /// The path of the file that `pin-source` names.
    private func path(_ pinSource: String) throws -> String? {
        let pins = try PINs(source: nil, uri: PKCS11URI("pkcs11:token=t?pin-source=\(pinSource)"))
        guard case .file(let path) = pins.source?.kind else { return nil }
        return path
    }

    @Test(arguments: [
        ("/etc/pin", "/etc/pin"), ("file:/etc/pin", "/etc/pin"), ("file:///etc/pin", "/etc/pin"),
        ("file://localhost/etc/pin", "/etc/pin"), ("FILE:/etc/pin", "/etc/pin"), ("/etc/my%20pin", "/etc/my pin"),
        ("%2Fetc%2Fpin", "/etc/pin"), ("file%3A/etc/pin", "/etc/pin"),
        // A file: URI has its own percent-encoding within that of the attribute; a path has none.
        ("file:/etc/my%2520pin", "/etc/my pin"), ("/etc/100%2525", "/etc/100%25"),
    ])
    func aPathOrAFileURIIsRead(pinSource: String, file: String) throws {
        #expect(try path(pinSource) == file)
    }

    @Test(arguments: [
        "pin", "file:pin", "file:", "", "http:/etc/pin", "file://host/etc/pin", "file:%2525zz", "file:/etc/%25zz",
        "file:/etc/%252", "file:/etc/pin%2500",
    ])
    func whatIsNeitherIsRefused(pinSource: String) throws {
        let error = #expect(throws: MTLSError.self) { try path(pinSource) }
        #expect(error?.code == .tokenURIInvalid)
        #expect(error?.advice != nil)
    }

    @Test(arguments: ["|cat%20/etc/pin", "%7Ccat"])
    func aCommandIsNeverRun(pinSource: String) throws {
        // A plain bar has to be encoded in a URI: it is refused even earlier.
        if pinSource.hasPrefix("|") {
            #expect(throws: (any Error).self) { try path(pinSource) }
        } else {
            let error = #expect(throws: MTLSError.self) { try path(pinSource) }
            #expect(error?.message.contains("command") == true)
        }
    }

    @Test func aSourceThatIsGivenGoesBeforeTheURI() throws {
        let uri = try PKCS11URI("pkcs11:token=t?pin-source=|no")
        let pins = try PINs(source: .environment("X"), uri: uri)
        guard case .environment("X") = pins.source?.kind else { Issue.record("another source"); return }
        let valued = try PINs(source: .environment("X"), uri: PKCS11URI("pkcs11:token=t?pin-value=1234"))
        #expect(valued.value == nil)
    }

    @Test func theValueOfTheURIServesWithoutASource() throws {
        let pins = try PINs(source: nil, uri: PKCS11URI("pkcs11:token=t?pin-value=12%3334"))
        #expect(text(pins.value) == "12334")
        #expect(!"\(pins)".contains("12334"))
    }

    @Test func aURIWithoutEitherHasNone() throws {
        let pins = try PINs(source: nil, uri: PKCS11URI("pkcs11:token=t"))
        #expect(pins.source == nil)
        #expect(pins.value == nil)
    }
}

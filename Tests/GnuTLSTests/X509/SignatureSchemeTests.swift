import Testing

@testable import GnuTLS

struct SignatureSchemeTests {
    @Test(arguments: SignatureScheme.allCases)
    func everySchemeSurvivesGnuTLSsNumbers(scheme: SignatureScheme) {
        #expect(SignatureScheme(scheme.algorithm) == scheme)
    }

    @Test func theNumbersAreThoseOfTheStandard() {
        #expect(SignatureScheme(rawValue: 0x0403) == .ecdsaSECP256R1SHA256)
        #expect(SignatureScheme(rawValue: 0x0804) == .rsaPSSRSAESHA256)
        #expect(SignatureScheme(rawValue: 0x0807) == .ed25519)
        #expect(SignatureScheme(rawValue: 0x0201) == nil)
    }

    @Test func errorsOfGnuTLSHaveTheirNames() {
        let error = GnuTLSError(code: -24, operation: "testing")
        #expect(error.name == "GNUTLS_E_DECRYPTION_FAILED")
        #expect(error.description == "testing: Decryption has failed. (GNUTLS_E_DECRYPTION_FAILED)")
        #expect(throws: error) { try check(-24, "testing") }
        #expect(GnuTLSError(code: -99_999, operation: "").name == "GNUTLS_E_-99999")
    }
}

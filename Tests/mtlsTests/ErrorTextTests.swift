import MTLSClient
import Testing

@testable import mtls

struct ErrorTextTests {
    private func line(_ code: MTLSError.Code, advice: String? = nil, origin: String? = nil) -> String {
        ErrorText.line(
            MTLSError(code, phase: .response, fault: .peer, "it broke", advice: advice, origin: origin))
    }

    @Test func anErrorIsALineWithItsOriginAndItsRemedy() {
        #expect(line(.tlsFailed, advice: "mend it", origin: "https://a:1") == "it broke [https://a:1] (mend it)")
        #expect(line(.tlsFailed) == "it broke")
    }

    @Test(arguments: [
        (MTLSError.Code.timeoutRequest, "--max-time"), (.timeoutHandshake, "--connect-timeout"),
        (.pinMissing, "--pin-env"), (.passphraseMissing, "--pass-env"), (.clientCertificateRequired, "--cert"),
        (.issuerUnknown, "--cacert"), (.tokenModuleUnavailable, "--module"),
    ])
    func remediesNameTheOptionsOfTheCommand(_ code: MTLSError.Code, _ option: String) {
        let text = line(code, advice: "change the library's setting")
        #expect(text.contains(option) && !text.contains("setting"))
    }
}

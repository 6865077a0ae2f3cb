import MTLSClient
import Testing

@testable import mtls

struct ExitStatusTests {
    private func status(_ code: MTLSError.Code, _ phase: MTLSError.Phase) -> Int32 {
        ExitStatus.of(MTLSError(code, phase: phase, fault: .peer, ""))
    }

    @Test(arguments: [
        (MTLSError.Code.urlInvalid, MTLSError.Phase.prepare, 3), (.resolveFailed, .resolve, 6),
        (.connectFailed, .connect, 7), (.responseTruncated, .response, 18), (.responseMalformed, .response, 8),
        (.handshakeFailed, .handshake, 35), (.responseEmpty, .response, 52), (.connectionLost, .request, 55),
        (.connectionLost, .response, 56), (.tlsFailed, .response, 56), (.trustUnreadable, .trust, 77),
        (.requestInvalid, .prepare, 2), (.versionUnsupported, .handshake, 35), (.serverNameUnknown, .handshake, 35),
        (.applicationProtocolUnsupported, .handshake, 35), (.renegotiationDeclined, .response, 56),
    ])
    func eachFailureHasTheCodeThatCurlGivesIt(_ code: MTLSError.Code, _ phase: MTLSError.Phase, _ expected: Int) {
        #expect(Int(status(code, phase)) == expected)
    }

    @Test(arguments: [
        MTLSError.Code.timeoutWait, .timeoutConnect, .timeoutHandshake, .timeoutSignature, .timeoutResponseHead,
        .timeoutBody, .timeoutRequest,
    ])
    func everyTimeoutIs28(_ code: MTLSError.Code) {
        #expect(status(code, .connect) == 28)
    }

    @Test(arguments: [
        MTLSError.Code.identityFileUnreadable, .identityMalformed, .identityUnsupported, .notAKey, .keyFileUnsafe,
        .identityExpired, .identityNotYetValid, .passphraseMissing, .passphraseIncorrect,
        .keyMismatch, .identityUnusable, .identityAmbiguous, .identityPurpose, .tokenURIInvalid,
        .tokenModuleUnavailable, .tokenNotFound, .tokenAmbiguous,
        .tokenObjectNotFound, .pinMissing, .pinIncorrect, .pinLocked, .tokenRemoved, .tokenFailed, .signatureInvalid,
        .mechanismMissing,
    ])
    func everyTroubleWithTheClientsKeyIs58(_ code: MTLSError.Code) {
        #expect(status(code, .identity) == 58)
    }

    @Test(arguments: [
        MTLSError.Code.issuerUnknown, .certificateExpired, .certificateNotYetValid, .nameMismatch,
        .certificateRevoked, .certificateWeak, .purposeMismatch, .certificateInvalid,
    ])
    func everyRefusalOfTheServersCertificateIs60(_ code: MTLSError.Code) {
        #expect(status(code, .verify) == 60)
        #expect(ExitStatus.verification(MTLSError(code, phase: .verify, fault: .peer, "")) != 0)
    }

    @Test(arguments: [MTLSError.Code.clientCertificateRequired, .clientCertificateRejected])
    func theServersVerdictOnOurCertificateIs35InTheHandshakeAnd56AfterIt(_ code: MTLSError.Code) {
        #expect(status(code, .handshake) == 35)
        #expect(status(code, .response) == 56)
    }

    @Test func aCodeOfALaterReleaseIsAFailureToo() {
        #expect(status(.init(rawValue: "new.thing"), .connect) == 7)
        #expect(status(.init(rawValue: "new.thing"), .response) == 56)
    }
}

import HTTPTypes
import Testing

@testable import MTLSCore

@Suite struct RetryPolicyTests {
    /// A GET on a reused connection that died before any response byte.
    private static let stale = RetryPolicy.Attempt(
        method: .get, errorCode: .responseEmpty, isReused: true, sawResponse: false, wroteRequest: true,
        isBodyReplayable: true, isRetry: false)

    private func decide(_ change: (inout RetryPolicy.Attempt) -> Void) -> RetryPolicy.Decision {
        var attempt = Self.stale
        change(&attempt)
        return RetryPolicy.decide(attempt)
    }

    @Test func aStaleConnectionIsForgivenOnce() {
        #expect(RetryPolicy.decide(Self.stale) == .retry)
        #expect(decide { $0.isRetry = true } == .fail(.alreadyRetried))
    }

    @Test func aNewConnectionIsNotStale() {
        #expect(decide { $0.isReused = false } == .fail(.connectionWasNew))
    }

    @Test func aResponseThatBeganIsNotAskedForAgain() {
        #expect(decide { $0.sawResponse = true } == .fail(.responseBegan))
    }

    @Test(arguments: [HTTPRequest.Method.get, .head, .options, .trace, .put, .delete])
    func idempotentMethodsAreRepeated(_ method: HTTPRequest.Method) {
        #expect(decide { $0.method = method } == .retry)
    }

    @Test(arguments: ["POST", "PATCH", "CONNECT", "PURGE", "get"])
    func otherMethodsAreRepeatedOnlyIfNothingWasWritten(_ name: String) throws {
        let method = try #require(HTTPRequest.Method(name))
        #expect(decide { $0.method = method } == .fail(.notIdempotent))
        #expect(decide { ($0.method, $0.wroteRequest) = (method, false) } == .retry)
    }

    @Test func aBodyThatIsGoneCannotBeRepeated() {
        #expect(decide { ($0.method, $0.isBodyReplayable) = (.put, false) } == .fail(.bodyIsGone))
    }

    @Test func aLostConnectionIsForgivenLikeAClosedOne() {
        #expect(decide { $0.errorCode = .connectionLost } == .retry)
    }

    @Test(arguments: [MTLSError.Code.clientCertificateRejected, .clientCertificateRequired, .tlsFailed])
    func aConnectionThatIsRejectedAfterItsSessionWasResumedIsMadeAnew(_ code: MTLSError.Code) {
        func decide(_ change: (inout RetryPolicy.Attempt) -> Void = { _ in }) -> RetryPolicy.Decision {
            self.decide { attempt in
                (attempt.errorCode, attempt.isReused, attempt.isResumed) = (code, false, true)
                change(&attempt)
            }
        }
        #expect(decide() == .retry)
        #expect(decide { $0.isResumed = false } == .fail(.errorIsFinal))
        // It has served a request: what is rejected now is something else.
        #expect(decide { $0.isReused = true } == .fail(.errorIsFinal))
        #expect(decide { $0.sawResponse = true } == .fail(.responseBegan))
        #expect(decide { $0.method = .post } == .fail(.notIdempotent))
        #expect(decide { $0.isRetry = true } == .fail(.alreadyRetried))
    }

    @Test func aSilentEndAfterAResumptionIsNotARejection() {
        #expect(decide { ($0.isReused, $0.isResumed) = (false, true) } == .fail(.connectionWasNew))
    }

    @Test(arguments: [
        MTLSError.Code.cancelled, .timeoutResponseHead, .clientCertificateRejected, .responseTruncated, .tlsFailed,
        .pinIncorrect, .clientClosed,
    ])
    func otherErrorsAreFinal(_ code: MTLSError.Code) {
        #expect(decide { $0.errorCode = code } == .fail(.errorIsFinal))
    }
}

import DevPKI
import MTLSClient
import MTLSTestKit
import Testing

/// What is cancelled, or is over its limit, in each phase returns at once and leaves nothing behind.
@Suite struct CancellationTests {
    enum Phase: String, CaseIterable, CustomTestStringConvertible {
        case queue, resolve, connect, proxy, handshake, signature, requestBody, responseHead, responseBody
        var testDescription: String { rawValue }
    }

    /// Generous: the machine may be busy. What is waited for would take an hour.
    private let bound = Duration.seconds(5)

    @Test(arguments: Phase.allCases)
    func aCancelledRequestReturnsAtOnceAndLeavesNothingBehind(_ phase: Phase) async throws {
        let stage = try await Stage(phase)
        let task = stage.begin()
        await stage.reached()
        let start = ContinuousClock.now
        task.cancel()
        let result = await task.result
        #expect(ContinuousClock.now - start < bound)
        #expect { try result.get() } throws: { ($0 as? MTLSError)?.code == .cancelled }
        var statistics = await stage.client.statistics
        #expect(statistics.pending == 0)
        // What runs still is what the stage itself has occupied.
        #expect(statistics.running == (phase == .queue ? 1 : 0))
        #expect(statistics.failedRequests == 1)
        await stage.client.shutdown(graceful: false)
        #expect(ContinuousClock.now - start < bound * 2)
        statistics = await stage.client.statistics
        #expect(statistics.connecting + statistics.connected == 0)
        stage.end()
    }

    @Test(arguments: [
        (Phase.queue, MTLSError.Code.timeoutWait), (.resolve, .timeoutConnect), (.connect, .timeoutConnect),
        (.proxy, .timeoutConnect), (.handshake, .timeoutHandshake), (.signature, .timeoutSignature),
        (.requestBody, .timeoutResponseHead), (.responseHead, .timeoutResponseHead), (.responseBody, .timeoutBody),
    ])
    func eachPhaseHasALimitAndAnErrorOfItsOwn(_ phase: Phase, _ code: MTLSError.Code) async throws {
        let limit = Duration.milliseconds(100)
        let stage = try await Stage(phase, limit: limit)
        let start = ContinuousClock.now
        let result = await stage.begin().result
        #expect(ContinuousClock.now - start >= limit)
        #expect(ContinuousClock.now - start < bound)
        #expect { try result.get() } throws: { ($0 as? MTLSError)?.code == code }
        await stage.client.shutdown(graceful: false)
        let statistics = await stage.client.statistics
        #expect(statistics.connecting + statistics.connected + statistics.pending == 0)
        stage.end()
    }
}

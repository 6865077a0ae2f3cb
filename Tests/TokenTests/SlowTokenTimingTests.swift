import CountingModuleSupport
import DevPKI
import MTLSClient
import MTLSTestKit
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// What a slow key does to others on the same event loop. Measures time, so it runs in an invocation of its own.
@Suite struct SlowTokenTimingTests {
    @Test func aSlowSignerHoldsUpNoOtherConnectionOfItsLoop() async throws {
        let signature = Duration.milliseconds(300)
        let world = try await TokenWorld()
        world.counting.delay("C_Sign", milliseconds: 300)
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let slow = try Client(
            world.server.url, connector: TLSConnector(identity: world.identity, trust: world.trust), on: loop)
        let other = try CertificateAuthority(commonName: "Other Root")
        let server = try await MTLSServer(identity: other.issue(.server(names: ["127.0.0.1"])), clients: .ignored)
        let quick = try Client(
            server.url, connector: TLSConnector(trust: .certificates([other.root])), on: loop)
        _ = try await quick.get().body.collect(upTo: .kibibytes(1))

        let gaps = LoopGaps(on: loop)
        let start = ContinuousClock.now
        async let outcomes = world.outcomes(of: 4, with: slow)
        var answered = 0
        while ContinuousClock.now - start < signature {
            _ = try await quick.get().body.collect(upTo: .kibibytes(1))
            answered += 1
        }
        #expect(await outcomes.allSatisfy { (try? $0.get()) == 200 })
        let elapsed = ContinuousClock.now - start
        let longest = await gaps.stop()
        print(
            "four signatures of 300 ms took \(elapsed); meanwhile the loop's longest gap was \(longest), and another connection of it answered \(answered) requests"
        )
        #expect(elapsed >= signature)
        #expect(world.server.connectionCount == 4)
        #expect(answered > 10)
        #expect(longest < signature / 10)
        await slow.shutdown()
        await quick.shutdown()
    }
}

/// The longest time in which a loop did not come round.
private final class LoopGaps: Sendable {
    private final class Record: Sendable {
        let times = Mutex((last: ContinuousClock.now, longest: Duration.zero))
    }

    private let record = Record()
    private let task: RepeatedTask

    init(on loop: any EventLoop) {
        task = loop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(1)) { [record] _ in
            record.times.withLock { times in
                let now = ContinuousClock.now
                times = (now, max(times.longest, now - times.last))
            }
        }
    }

    func stop() async -> Duration {
        task.cancel()
        return record.times.withLock { $0.longest }
    }
}

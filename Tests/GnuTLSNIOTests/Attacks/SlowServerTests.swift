import GnuTLS
import GnuTLSNIO
import MTLSCore
import NIOCore
import NIOEmbedded
import Testing

/// Servers that take their time, as the embedded loop tells it.
struct SlowServerTests {
    private func expectTimeout(_ client: End, _ about: String = "", sourceLocation: SourceLocation = #_sourceLocation) {
        let code = (client.handshakeError as? MTLSError)?.code
        #expect(
            code == .timeoutHandshake, "\(about): \(String(describing: client.outcome))", sourceLocation: sourceLocation
        )
        #expect(!client.channel.isActive, "\(about)", sourceLocation: sourceLocation)
        #expect(client.recorder.events == [.error("timeout.handshake"), .inactive], sourceLocation: sourceLocation)
    }

    /// The server falls silent after each of its records in turn.
    @Test(arguments: TLSVersion.allCases)
    func silenceAtAnyStageEndsInTime(_ version: TLSVersion) throws {
        var stage = 0
        while true {
            let attack = try Attack(version, timeout: .seconds(5))
            var left = stage
            var isSilent = false
            while !isSilent, attack.client.outcome == nil {
                attack.deliver([])
                attack.server.give(attack.client.take())
                for record in Record.all(in: attack.server.take()) where !isSilent {
                    isSilent = left == 0
                    left -= 1
                    if !isSilent { attack.deliver([record]) }
                }
            }
            guard attack.client.outcome == nil else { break }
            attack.pair.loop.advanceTime(by: .milliseconds(4999))
            #expect(attack.client.outcome == nil)
            attack.pair.loop.advanceTime(by: .milliseconds(1))
            expectTimeout(attack.client, "after \(stage) records")
            stage += 1
        }
        #expect(stage >= 6)
    }

    @Test(arguments: TLSVersion.allCases)
    func aDripDoesNotExtendTheTime(_ version: TLSVersion) throws {
        let attack = try Attack(version, timeout: .seconds(5))
        var flight = ByteBuffer(bytes: try attack.answer().flatMap(\.bytes))
        var seconds = 0
        while attack.client.outcome == nil, let byte = flight.readSlice(length: 1) {
            attack.client.give(byte)
            attack.pair.loop.advanceTime(by: .seconds(1))
            seconds += 1
        }
        #expect(seconds == 5)
        expectTimeout(attack.client)
        #expect(attack.signer.signatures == 0)
    }

    @Test(arguments: TLSVersion.allCases)
    func aDripOfWarningsDoesNotExtendTheTime(_ version: TLSVersion) throws {
        let attack = try Attack(version, timeout: .seconds(5))
        for _ in 0..<5 where attack.client.outcome == nil {
            attack.client.give([.alert(90)])
            attack.pair.loop.advanceTime(by: .seconds(1))
        }
        #expect(!attack.client.channel.isActive)
        #expect(attack.client.handshakeError != nil)
    }

    @Test(arguments: TLSVersion.allCases)
    func aDripOfEmptyMessagesDoesNotExtendTheTime(_ version: TLSVersion) throws {
        let attack = try Attack(version, timeout: .seconds(5))
        for _ in 0..<5 where attack.client.outcome == nil {
            attack.client.give([Record(type: Record.Kind.handshake, body: [])])
            attack.pair.loop.advanceTime(by: .seconds(1))
        }
        #expect(attack.client.handshakeError != nil && !attack.client.channel.isActive)
    }

    /// A verified server of TLS 1.2 that drips makes each byte a step on the lane.
    @Test func aDripDoesNotExtendTheTimeByStepsOnTheLane() throws {
        let attack = try Attack(.v1_2, timeout: .seconds(5))
        var flight = ByteBuffer(bytes: try attack.answer().flatMap(\.bytes))
        // Up to the key exchange, which comes after the verdict.
        attack.client.give(flight.readSlice(length: flight.readableBytes - 60))
        attack.deliver([])
        var seconds = 0
        while attack.client.outcome == nil, let byte = flight.readSlice(length: 1) {
            attack.client.give(byte)
            attack.deliver([])
            attack.pair.loop.advanceTime(by: .seconds(1))
            seconds += 1
        }
        #expect(seconds == 5)
        expectTimeout(attack.client)
    }
}

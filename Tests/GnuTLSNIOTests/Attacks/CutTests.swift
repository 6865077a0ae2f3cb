import GnuTLS
import GnuTLSNIO
import MTLSCore
import NIOCore
import NIOEmbedded
import Testing

import func Glibc.getenv

/// Flights and records that are cut at every byte.
struct CutTests {
    enum Key: CaseIterable { case inMemory, onALane }

    struct Case: Sendable, CustomTestStringConvertible {
        let version: TLSVersion
        let key: Key
        var testDescription: String { "\(version.rawValue), \(key)" }

        /// Keys in memory take the shorter way through the same states: some thousands of handshakes for when time matters
        /// less.
        static let all = TLSVersion.allCases.flatMap { version in
            (getenv("MTLS_TEST_ALL") == nil ? [Key.onALane] : Key.allCases).map { Case(version: version, key: $0) }
        }
    }

    /// A handshake that stops where its server's flights are cut.
    private final class Shake {
        let lane = ManualLane()
        let signer: TestSigner
        let pair: BackToBack
        /// The sizes of the server's flights.
        private(set) var sizes: [Int] = []

        init(_ it: Case) throws {
            let world = try World.shared()
            signer = TestSigner(world.clientKey, on: lane)
            var setup = Setup(version: it.version, demand: .required)
            setup.clientKey = it.key == .inMemory ? world.client : try world.external(signer)
            // What costs least, since there are thousands.
            setup.priority = "-GROUP-ALL:+GROUP-X25519"
            pair = try BackToBack(setup)
        }

        func settle() { repeat { pair.loop.run() } while lane.run() }

        /// Carries on until nothing moves.
        ///
        /// - Parameter deliver: Gives a flight of the server's to the client; answers whether to go on.
        func run(_ deliver: (_ flight: Int, ByteBuffer) -> Bool) {
            while true {
                settle()
                pair.server.give(pair.client.take())
                guard let flight = pair.server.take() else { return }
                sizes.append(flight.readableBytes)
                guard deliver(sizes.count - 1, flight) else { return }
            }
        }
    }

    /// How many flights the server sends in its handshake, and how long each may be: signatures differ in length.
    private func sizes(_ it: Case) throws -> [Int] {
        let shake = try Shake(it)
        shake.run { _, flight in
            shake.pair.client.give(flight)
            return true
        }
        try #require(shake.pair.client.summary != nil && shake.pair.server.summary != nil)
        return shake.sizes
    }

    @Test(arguments: Case.all)
    func aFlightMayBeSplitAtEveryByte(_ it: Case) throws {
        for (number, size) in try sizes(it).enumerated() {
            for offset in 1..<size {
                let shake = try Shake(it)
                shake.run { flight, bytes in
                    var bytes = bytes
                    if flight == number {
                        shake.pair.client.give(bytes.readSlice(length: min(offset, bytes.readableBytes)))
                        // Every other time the rest comes while a step is on its lane.
                        if offset.isMultiple(of: 2) { shake.settle() }
                    }
                    shake.pair.client.give(bytes)
                    return true
                }
                guard shake.pair.client.summary != nil, shake.pair.server.summary != nil,
                    shake.signer.signatures == (it.key == .onALane ? 1 : 0)
                else {
                    Issue.record(
                        "flight \(number) split at \(offset): \(String(describing: shake.pair.client.outcome))")
                    return
                }
            }
        }
    }

    @Test(arguments: Case.all)
    func anEndAtAnyByteOfAFlightIsAnError(_ it: Case) throws {
        weak var handler: GnuTLSHandler?
        for (number, size) in try sizes(it).enumerated() {
            for offset in 0..<size {
                let shake = try Shake(it)
                handler = shake.pair.client.handler
                var isCut = false
                shake.run { flight, bytes in
                    var bytes = bytes
                    guard flight == number, offset < bytes.readableBytes - 4 else {
                        shake.pair.client.give(bytes)
                        return true
                    }
                    isCut = true
                    shake.pair.client.give(bytes.readSlice(length: offset))
                    if offset.isMultiple(of: 2) {
                        shake.pair.client.lose()
                    } else {
                        shake.pair.client.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
                    }
                    shake.settle()
                    return false
                }
                guard isCut else { continue }
                let error = shake.pair.client.handshakeError as? MTLSError
                let isTold = shake.pair.client.recorder.events == [.error("tls.handshakeFailed"), .inactive]
                guard error?.code == .handshakeFailed, isTold, !shake.pair.client.channel.isActive else {
                    // Under TLS 1.3 the tickets come after the client's handshake.
                    let isOver = it.version == .v1_3 && number > 0 && shake.pair.client.summary != nil
                    if isOver, !shake.pair.client.channel.isActive { continue }
                    Issue.record("flight \(number) cut at \(offset): \(shake.pair.client.recorder.events)")
                    return
                }
            }
        }
        #expect(handler == nil)
    }

    @Test(arguments: TLSVersion.allCases)
    func recordsOfDataMayBeSplitAtEveryByte(_ version: TLSVersion) throws {
        let (attack, keys) = try Attack.connected(version)
        let size = keys.seal(23, Array("data".utf8)).bytes.count
        keys.rewind()
        for offset in 1..<size {
            var record = ByteBuffer(bytes: keys.seal(23, Array("data".utf8)).bytes)
            attack.client.give(record.readSlice(length: offset))
            attack.client.give(record)
        }
        #expect(attack.client.recorder.text == String(repeating: "data", count: size - 1))
        #expect(attack.client.recorder.reads == size - 1)
    }

    /// Two records, and the one that says close_notify.
    @Test(arguments: TLSVersion.allCases, [true, false])
    func dataIsNeverWholeWithoutCloseNotify(_ version: TLSVersion, _ isHalfClosure: Bool) throws {
        var offset = 0
        while true {
            let (attack, keys) = try Attack.connected(version)
            let records = [
                keys.seal(23, Array("some ".utf8)), keys.seal(23, Array("text".utf8)), keys.seal(21, [1, 0]),
            ]
            let ends = records.indices.map { records[...$0].map(\.bytes.count).reduce(0, +) }
            var bytes = ByteBuffer(bytes: records.flatMap(\.bytes))
            let isWhole = offset == bytes.readableBytes
            attack.client.give(bytes.readSlice(length: offset))
            if isHalfClosure {
                attack.client.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
            } else {
                attack.client.lose()
            }
            attack.pair.loop.run()
            let events = attack.client.recorder.events
            let text = offset >= ends[1] ? "some text" : offset >= ends[0] ? "some " : ""
            guard attack.client.recorder.text == text, events.contains(.shutdownCompleted) == isWhole,
                events.contains(.truncated) != isWhole, !attack.client.channel.isActive
            else {
                Issue.record("cut at \(offset): \(events)")
                return
            }
            if isWhole { break }
            offset += 1
        }
    }
}

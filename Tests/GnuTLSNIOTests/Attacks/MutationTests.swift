import GnuTLS
import GnuTLSNIO
import MTLSCore
import NIOCore
import NIOEmbedded
import Testing

import func Glibc.getenv

/// Flights and records that were altered at random, the same way in each run.
struct MutationTests {
    /// SplitMix64.
    struct Dice: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var z = state
            z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
            return z ^ (z >> 31)
        }
    }

    enum Mutation: CaseIterable {
        case flip, set, insert, delete, cut, repeatPart, lengthen, moveRecord, dropRecord, twiceRecord

        func apply(to bytes: [UInt8], _ dice: inout Dice) -> [UInt8] {
            guard !bytes.isEmpty else { return bytes }
            var bytes = bytes
            let place = Int.random(in: bytes.indices, using: &dice)
            let end = min(bytes.count, place + Int.random(in: 1...64, using: &dice))
            var records = Record.all(in: ByteBuffer(bytes: bytes))
            let record = records.isEmpty ? 0 : Int.random(in: records.indices, using: &dice)
            switch self {
            case .flip: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &dice)
            case .set: bytes[place] = [0, 1, 0x7f, 0x80, 0xff].randomElement(using: &dice) ?? 0
            case .insert:
                bytes.insert(contentsOf: (place..<end).map { _ in UInt8.random(in: 0...255, using: &dice) }, at: place)
            case .delete: bytes.removeSubrange(place..<end)
            case .cut: bytes.removeSubrange(place...)
            case .repeatPart: bytes.insert(contentsOf: bytes[place..<end], at: place)
            case .lengthen where !records.isEmpty: records[record].body.append(UInt8.random(in: 0...255, using: &dice))
            case .moveRecord where !records.isEmpty:
                records.insert(records.remove(at: record), at: Int.random(in: 0..<records.count, using: &dice))
            case .dropRecord where !records.isEmpty: records.remove(at: record)
            case .twiceRecord where !records.isEmpty: records.insert(records[record], at: record)
            case .lengthen, .moveRecord, .dropRecord, .twiceRecord: break
            }
            switch self {
            case .lengthen, .moveRecord, .dropRecord, .twiceRecord: return records.flatMap(\.bytes)
            default: return bytes
            }
        }
    }

    /// What TLS protects of a flight: the messages in the clear, and the protected records. A change_cipher_spec, and the
    /// version of a record, may be anything (RFC 8446 §5.1); and GnuTLS takes a protected record for what its contents say
    /// that it is, whatever stands before them.
    private static func essence(_ bytes: [UInt8]) -> [UInt8] {
        Record.all(in: ByteBuffer(bytes: bytes)).filter { $0.type != Record.Kind.changeCipherSpec }.flatMap(\.body)
    }

    static let rounds = getenv("MTLS_TEST_ALL") == nil ? 100 : 3000

    @Test(arguments: TLSVersion.allCases, Mutation.allCases)
    func aHandshakeNeverSucceedsByAlteredFlights(_ version: TLSVersion, _ mutation: Mutation) throws {
        var failures = 0
        for round in 0..<Self.rounds {
            var dice = Dice(state: UInt64(round))
            let attack = try Attack(version, timeout: .seconds(5))
            let target = version == .v1_3 ? 0 : Int.random(in: 0...1, using: &dice)
            var isAltered = false
            var flight = 0
            while attack.client.outcome == nil {
                attack.deliver([])
                attack.server.give(attack.client.take())
                guard var bytes = attack.server.take().map({ Array($0.readableBytesView) }) else { break }
                if flight == target {
                    let altered = mutation.apply(to: bytes, &dice)
                    let (before, after) = (Self.essence(bytes), Self.essence(altered))
                    // What follows the last flight comes after the handshake.
                    let isLast = version == .v1_3 || target == 1
                    isAltered = isLast ? !after.starts(with: before) : after != before
                    bytes = altered
                }
                flight += 1
                attack.client.give(ByteBuffer(bytes: bytes))
                attack.deliver([])
            }
            // Whoever still waits does so until its time is up.
            attack.pair.loop.advanceTime(by: .seconds(5))
            attack.deliver([])
            let hasFailed = attack.client.handshakeError is MTLSError
            failures += hasFailed ? 1 : 0
            guard hasFailed ? !attack.client.channel.isActive : attack.client.summary != nil && !isAltered,
                attack.signer.signatures <= 1, version == .v1_2 || !isAltered || attack.signer.signatures == 0,
                attack.client.recorder.received.readableBytes == 0, attack.client.recorder.errors.count <= 1
            else {
                Issue.record(
                    "round \(round): \(String(describing: attack.client.outcome)), \(attack.client.recorder.events)")
                return
            }
        }
        #expect(failures > Self.rounds / 8, "what is altered must matter")
    }

    @Test(arguments: TLSVersion.allCases, Mutation.allCases)
    func alteredRecordsAreNeverPlaintext(_ version: TLSVersion, _ mutation: Mutation) throws {
        let texts = ["HTTP/1.1 200 OK\r\n", "Connection: close\r\n\r\n", "all of the body"]
        for round in 0..<Self.rounds / 5 {
            var dice = Dice(state: UInt64(round))
            let (attack, keys) = try Attack.connected(version)
            let honest = texts.flatMap { keys.seal(23, Array($0.utf8)).bytes } + keys.seal(21, [1, 0]).bytes
            attack.client.give(ByteBuffer(bytes: mutation.apply(to: honest, &dice)))
            attack.client.lose()
            let text = attack.client.recorder.text
            let isClosed = attack.client.recorder.events.contains(.shutdownCompleted)
            guard texts.joined().hasPrefix(text), !isClosed || text == texts.joined(),
                !attack.client.channel.isActive, attack.client.recorder.errors.count <= 1
            else {
                Issue.record("round \(round): \(attack.client.recorder.events)")
                return
            }
        }
    }
}

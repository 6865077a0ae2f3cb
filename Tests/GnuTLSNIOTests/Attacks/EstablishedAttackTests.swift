import CGnuTLS
@testable import GnuTLS
import MTLSCore
import NIOCore
import NIOEmbedded
import Testing

@testable import GnuTLSNIO

/// What a server may not send once the handshake is over, sealed as it should be.
struct EstablishedAttackTests {
    /// Records by the server's keys.
    struct Sent: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let records: @Sendable (TrafficKeys) -> [Record]

        init(_ name: String, _ records: @escaping @Sendable (TrafficKeys) -> [Record]) {
            testDescription = name
            self.records = records
        }

        init(_ name: String, _ type: UInt8, _ body: [UInt8]) {
            self.init(name) { [$0.seal(22, Message(type: type, body: body).bytes)] }
        }
    }

    static let both: [Sent] = [
        Sent("a fatal alert") { [$0.seal(21, [2, 80])] },
        Sent("an alert of one byte") { [$0.seal(21, [2])] },
        Sent("a record of an unknown kind") { [$0.seal(99, [1])] },
        Sent("a protected change_cipher_spec") { [$0.seal(20, [1])] },
        Sent("a record that is altered") { keys in
            var record = keys.seal(23, [1, 2, 3])
            record.body[record.body.count - 1] ^= 1
            return [record]
        },
        Sent("a record twice") { keys in [Record](repeating: keys.seal(23, []), count: 2) },
        Sent("a record out of order") { keys in [keys.seal(23, []), keys.seal(23, [])].reversed() },
        Sent("a record that is too short for its tag") { _ in [Record(type: 23, body: [1, 2, 3])] },
        Sent("a record of too much plaintext") { [$0.seal(23, Array(repeating: 65, count: 16_385))] },
        Sent("a record of too much ciphertext") { _ in
            [Record(type: 23, body: Array(repeating: 1, count: 16_384 + 2049))]
        },
        Sent("plain text") { _ in [Record(type: 23, body: Array("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".utf8))]
        },
        Sent("a fatal alert in the clear") { _ in [.alert(80, fatal: true)] },
        Sent("close_notify in the clear") { _ in [.alert(0)] },
        Sent("no TLS at all") { _ in
            [Record(type: 0x48, version: [0x54, 0x54], body: Array(repeating: 65, count: 100))]
        },
        Sent("a ServerHello", Message.Kind.serverHello, [3, 3]),
        Sent("a certificate", Message.Kind.certificate, [0, 0, 0, 0]),
        Sent("a Finished", Message.Kind.finished, Array(repeating: 0, count: 32)),
        Sent("a ClientHello", Message.Kind.clientHello, [3, 3]),
        Sent("a message of an unknown kind", 99, [1]),
        Sent("alerts without end") { keys in (0..<20_000).map { _ in keys.seal(21, [1, 90]) } },
        Sent("empty records without end") { keys in (0..<20_000).map { _ in keys.seal(23, []) } },
        Sent("a message without end") { keys in
            [keys.seal(22, [4, 0xff, 0xff, 0xff])]
                + (0..<20).map { _ in keys.seal(22, Array(repeating: 0, count: 16_000)) }
        },
    ]

    static let tls13: [Sent] = [
        Sent("an empty alert") { [$0.seal(21, [])] },
        Sent(
            "a request for a certificate that was not agreed on", Message.Kind.certificateRequest,
            [1, 7, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3]),
        Sent("a HelloRequest", Message.Kind.helloRequest, []),
        Sent("a key update of another value", Message.Kind.keyUpdate, [2]),
        Sent("an empty key update", Message.Kind.keyUpdate, []),
        Sent("a long key update", Message.Kind.keyUpdate, [0, 0]),
        Sent("extensions", Message.Kind.encryptedExtensions, [0, 0]),
        Sent("a record of nothing but padding") { [$0.seal(0, [0, 0, 0])] },
        Sent("a ticket that is cut", Message.Kind.newSessionTicket, [0, 0, 1]),
        Sent("tickets without end") { keys in
            let ticket = Message(
                type: 4, body: [0, 0, 1, 0, 0, 0, 0, 0, 1, 7, 0, 100] + Array(repeating: 9, count: 100) + [0, 0])
            return (0..<4000).map { _ in keys.seal(22, ticket.bytes) }
        },
        Sent("a message interrupted by data") { [$0.seal(22, [4, 0, 0, 200, 0]), $0.seal(23, [65])] },
    ]

    static let tls12: [Sent] = [
        Sent("the end of a hello", Message.Kind.serverHelloDone, []),
        Sent("a ServerKeyExchange", Message.Kind.serverKeyExchange, [3, 0, 23, 0]),
        Sent("wishes to renegotiate without end") { keys in
            (0..<20_000).map { _ in keys.seal(22, [0, 0, 0, 0]) }
        },
    ]

    /// Delivered as a socket would, by pieces.
    private func receive(_ version: TLSVersion, _ sent: Sent) throws {
        let (attack, keys) = try Attack.connected(version)
        let before = attack.client.recorder.events.count
        var bytes = ByteBuffer(bytes: sent.records(keys).flatMap(\.bytes))
        while bytes.readableBytes > 0, attack.client.channel.isActive {
            attack.client.give(bytes.readSlice(length: min(bytes.readableBytes, 1 << 16)))
            attack.pair.loop.run()
        }
        #expect(!attack.client.channel.isActive)
        #expect(attack.client.handler.session == nil)
        #expect(attack.client.recorder.received.readableBytes == 0)
        #expect(attack.client.recorder.mtlsErrors.count == 1)
        #expect(attack.client.recorder.mtlsErrors.first?.phase == .response)
        // An end by close_notify would make a body whole.
        let events = attack.client.recorder.events.dropFirst(before)
        #expect(!events.contains(.shutdownCompleted) && !events.contains(.truncated), "\(events)")
        #expect(attack.signer.signatures == 1)
        let answered = attack.client.take()?.readableBytes ?? 0
        #expect(answered <= 1 << 18, "\(answered) bytes were sent")
    }

    @Test(arguments: both + tls13)
    func whatATLS13ServerMayNotSendEndsTheConnection(_ sent: Sent) throws { try receive(.v1_3, sent) }

    @Test(arguments: both + tls12)
    func whatATLS12ServerMayNotSendEndsTheConnection(_ sent: Sent) throws { try receive(.v1_2, sent) }

    @Test(arguments: TLSVersion.allCases)
    func whatIsSealedAsItShouldBeArrives(_ version: TLSVersion) throws {
        let (attack, keys) = try Attack.connected(version)
        attack.client.give([keys.seal(23, Array("good".utf8)), keys.seal(23, []), keys.seal(23, [33])])
        #expect(attack.client.recorder.text == "good!", "\(attack.client.recorder.errors)")
        attack.client.give([keys.seal(21, [1, 0])])
        #expect(attack.client.recorder.events.contains(.shutdownCompleted))
    }

    @Test func aWarningUnderTLS12IsPassedOver() throws {
        let (attack, keys) = try Attack.connected(.v1_2)
        attack.client.give([keys.seal(21, [1, 90]), keys.seal(23, [33])])
        #expect(attack.client.recorder.text == "!")
    }

    /// RFC 8446 §6: the level means nothing there.
    @Test func aWarningUnderTLS13IsAnEnd() throws {
        let (attack, keys) = try Attack.connected(.v1_3)
        attack.client.give([keys.seal(21, [1, 112]), keys.seal(23, [33])])
        #expect(attack.client.recorder.text == "" && !attack.client.channel.isActive)
    }

    @Test func paddingIsNotPlaintext() throws {
        let (attack, keys) = try Attack.connected(.v1_3)
        attack.client.give([
            keys.seal(23, [65], padding: 1000), keys.seal(23, [], padding: 16_000), keys.seal(23, [66]),
        ])
        #expect(attack.client.recorder.text == "AB")
    }

    @Test func keyUpdatesWithoutEndEndTheConnection() throws {
        let pair = try BackToBack.connected()
        let session = try #require(pair.server.handler.session)
        for _ in 0..<200 {
            guard pair.client.channel.isActive else { break }
            _ = gnutls_session_key_update(session.handle, UInt32(GNUTLS_KU_PEER))
            pair.server.handler.flushTransport()
            pair.client.give(pair.server.take())
            pair.server.give(pair.client.take())
        }
        #expect(!pair.client.channel.isActive)
        #expect(pair.client.recorder.received.readableBytes == 0)
    }
}

import CGnuTLS
import Testing

@testable import GnuTLS

/// What goes over a session after its handshake.
struct RecordTests {
    @Test(arguments: TLSVersion.allCases, [1, 16_384, 16_385, 100_000])
    func dataGoesBothWays(_ version: TLSVersion, _ size: Int) throws {
        let pair = try SessionWorld.with(.ecdsaP256).connected(version)
        let up = (0..<size).map { UInt8(truncatingIfNeeded: $0) }
        let down = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        try pair.client.send(up)
        try pair.server.send(down)
        pair.exchange()
        #expect(try pair.server.receive() == (up, .dry))
        #expect(try pair.client.receive() == (down, .dry))
    }

    @Test(arguments: TLSVersion.allCases)
    func aSmallBufferLosesNothing(_ version: TLSVersion) throws {
        let pair = try SessionWorld.with(.ecdsaP256).connected(version)
        let data = (0..<1000).map { UInt8(truncatingIfNeeded: $0) }
        try pair.server.send(data)
        pair.exchange()
        #expect(try pair.client.receive(chunk: 7) == (data, .dry))
    }

    @Test(arguments: TLSVersion.allCases)
    func dataMayArriveByteByByte(_ version: TLSVersion) throws {
        let pair = try SessionWorld.with(.ecdsaP256).connected(version)
        let data = Array("hello, world".utf8)
        try pair.server.send(data)
        var received: [UInt8] = []
        for byte in pair.server.wire.take() {
            pair.client.wire.inbound.append(byte)
            let (bytes, end) = try pair.client.receive()
            #expect(end == .dry)
            received += bytes
        }
        #expect(received == data)
    }

    @Test func writingNothingSendsNothing() throws {
        let pair = try SessionWorld.with(.ecdsaP256).connected(.v1_3)
        try pair.client.send([])
        #expect(pair.client.wire.outbound.isEmpty)
    }

    /// GnuTLS sends empty records only as padding, hence under TLS 1.3 alone.
    @Test func anEmptyRecordIsNotTheEnd() throws {
        let pair = try SessionWorld.with(.ecdsaP256).connected(.v1_3)
        try pair.server.send([1])
        let before = pair.server.wire.outbound.count
        #expect(gnutls_record_send2(pair.server.session.handle, "", 0, 16, 0) >= 0)
        #expect(pair.server.wire.outbound.count > before)
        try pair.server.send([2])
        pair.exchange()
        #expect(try pair.client.receive() == ([1, 2], .dry))
    }

    @Test func aKeyUpdateBetweenRecordsDoesNotStallReading() throws {
        let pair = try SessionWorld.with(.ecdsaP256).connected(.v1_3)
        try pair.server.send([1])
        #expect(gnutls_session_key_update(pair.server.session.handle, UInt32(GNUTLS_KU_PEER)) == 0)
        try pair.server.send([2])
        pair.exchange()
        #expect(try pair.client.receive() == ([1, 2], .dry))
        try pair.client.send([3])
        pair.exchange()
        #expect(try pair.server.receive() == ([3], .dry))
    }

    @Test func ticketsAfterTheHandshakeDoNotStallReading() throws {
        let world = try SessionWorld.with(.ecdsaP256)
        let pair = try world.pair(.v1_3, demand: .ignored)
        var key = gnutls_datum_t()
        #expect(gnutls_session_ticket_key_generate(&key) == 0)
        defer { cgnutls_free(key.data) }
        #expect(gnutls_session_ticket_enable_server(pair.server.session.handle, &key) == 0)
        pair.shake()
        let before = pair.server.wire.outbound.count
        #expect(gnutls_session_ticket_send(pair.server.session.handle, 2, 0) == 0)
        try #require(pair.server.wire.outbound.count > before, "no ticket was sent")
        try pair.server.send([1, 2, 3])
        pair.exchange()
        #expect(try pair.client.receive() == ([1, 2, 3], .dry))
    }

    @Test func aRequestForRenegotiationIsDeclined() throws {
        let pair = try SessionWorld.with(.ecdsaP256).connected(.v1_2)
        #expect(gnutls_rehandshake(pair.server.session.handle) == 0)
        try pair.server.send([7])
        pair.exchange()
        #expect(try pair.client.receive() == ([7], .dry))
        #expect(!pair.client.wire.outbound.isEmpty)
        pair.exchange()
        #expect(try pair.server.receive() == ([], .dry))
        #expect(gnutls_alert_get(pair.server.session.handle) == GNUTLS_A_NO_RENEGOTIATION)
    }

    // MARK: The end

    @Test(arguments: TLSVersion.allCases)
    func closeNotifyIsTheEndAfterTheData(_ version: TLSVersion) throws {
        let pair = try SessionWorld.with(.ecdsaP256).connected(version)
        try pair.server.send([1, 2])
        pair.server.session.close()
        pair.exchange()
        pair.client.wire.hasEnded = true
        #expect(try pair.client.receive() == ([1, 2], .closed))
        #expect(try pair.client.receive() == ([], .closed))
        #expect(pair.client.session.failure == nil)
    }

    @Test func closeNotifyIsSaidOnce() throws {
        let pair = try SessionWorld.with(.ecdsaP256).connected(.v1_3)
        pair.client.session.close()
        let said = pair.client.wire.outbound
        pair.client.session.close()
        #expect(!said.isEmpty && pair.client.wire.outbound == said)
    }

    @Test func closingLeavesTheOtherDirectionOpen() throws {
        let pair = try SessionWorld.with(.ecdsaP256).connected(.v1_3)
        pair.client.session.close()
        pair.exchange()
        #expect(try pair.server.receive() == ([], .closed))
        try pair.server.send([5])
        pair.exchange()
        #expect(try pair.client.receive() == ([5], .dry))
    }

    @Test(arguments: TLSVersion.allCases, [0, 1, 6])
    func anEndWithoutCloseNotifyIsTruncation(_ version: TLSVersion, _ missing: Int) throws {
        let pair = try SessionWorld.with(.ecdsaP256).connected(version)
        try pair.server.send([1, 2])
        try pair.server.send([3])
        let sent = pair.server.wire.take()
        pair.client.wire.inbound += sent.dropLast(missing)
        pair.client.wire.hasEnded = true
        var buffer = [UInt8](repeating: 0, count: 1 << 14)
        var received: [UInt8] = []
        let failure = #expect(throws: TLSFailure.self) {
            while case .bytes(let count) = try buffer.withUnsafeMutableBytes({ try pair.client.session.read(into: $0) })
            {
                received += buffer.prefix(count)
            }
        }
        #expect(received == (missing == 0 ? [1, 2, 3] : [1, 2]))
        guard case .truncated = try #require(failure).kind else {
            Issue.record("\(String(describing: failure))")
            return
        }
    }

    @Test(arguments: TLSVersion.allCases)
    func anEndDuringTheHandshakeIsTruncation(_ version: TLSVersion) throws {
        let world = try SessionWorld.with(.ecdsaP256)
        let pair = try world.pair(version, client: world.client)
        pair.shake { flight, size in flight == 0 ? [size] : [size / 2] }
        #expect(!pair.client.isDone && pair.client.failure == nil)
        pair.client.wire.hasEnded = true
        pair.client.step()
        guard case .truncated = try #require(pair.client.failure).kind else {
            Issue.record("\(String(describing: pair.client.failure))")
            return
        }
    }

    @Test func anAlteredRecordIsAnErrorThatStays() throws {
        let pair = try SessionWorld.with(.ecdsaP256).connected(.v1_3)
        try pair.server.send([1, 2, 3])
        pair.server.wire.outbound[10] ^= 1
        pair.exchange()
        let failure = #expect(throws: TLSFailure.self) { try pair.client.receive() }
        guard case .gnutls(let error) = try #require(failure).kind else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(error.name == "GNUTLS_E_DECRYPTION_FAILED")
        pair.exchange()
        #expect(throws: TLSFailure.self) { try pair.client.receive() }
        #expect(throws: TLSFailure.self) { try pair.server.receive() }
    }

    @Test func garbageInsteadOfTLSIsAnError() throws {
        let pair = try SessionWorld.with(.ecdsaP256).pair(.v1_3, demand: .ignored)
        pair.client.step()
        pair.client.wire.inbound += Array("+OK POP3 server ready <1896.697170952@mail>\r\n".utf8)
        pair.client.step()
        guard case .gnutls = try #require(pair.client.failure).kind else {
            Issue.record("\(String(describing: pair.client.failure))")
            return
        }
    }
}

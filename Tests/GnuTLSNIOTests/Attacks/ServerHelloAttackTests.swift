import GnuTLS
import MTLSCore
import Testing

/// ServerHello messages that no server may send (RFC 8446 §4.1.3, RFC 5246 §7.4.1.3). They are not protected.
struct ServerHelloAttackTests {
    typealias Hello = Forgery<ServerHello>

    static let sentinel12 = Array("DOWNGRD".utf8) + [1]
    static let sentinel11 = Array("DOWNGRD".utf8) + [0]
    /// The random of a HelloRetryRequest.
    static let retry: [UInt8] = [
        0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
        0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
    ]

    static let both: [Hello] = [
        Hello("an extension that nobody asked for") { $0.extensions.append((0x7777, [1, 2, 3])) },
        Hello("an extension twice") { $0.extensions += $0.extensions.prefix(1) },
        Hello("TLS 1.1") {
            $0.version = [3, 2]; $0.extensions.removeAll { $0.type == 43 }
        },
        Hello("TLS 1.0") {
            $0.version = [3, 1]; $0.extensions.removeAll { $0.type == 43 }
        },
        Hello("SSL 3.0") {
            $0.version = [3, 0]; $0.extensions = []
        },
        Hello("a version of the future") { $0.version = [4, 1] },
        Hello("a cipher suite that was not offered") { $0.cipher = [0x13, 0x03] },
        Hello("a cipher suite without encryption") { $0.cipher = [0x00, 0x02] },
        Hello("a cipher suite that nobody knows") { $0.cipher = [0xfe, 0xfe] },
        Hello("compression") { $0.compression = 1 },
        Hello("a protocol that was not offered") { $0.extensions.append(Extensions.protocols(["h2"])) },
        Hello("an early-data extension") { $0.extensions.append((42, [])) },
    ]

    static let tls13: [Hello] = [
        Hello("TLS 1.1 by extension") { $0.change(43) { $0 = [3, 2] } },
        Hello("TLS 1.2 by extension") { $0.change(43) { $0 = [3, 3] } },
        Hello("a version of the future by extension") { $0.change(43) { $0 = [3, 5] } },
        Hello("no version") { $0.extensions.removeAll { $0.type == 43 } },
        Hello("a session identifier that is not the client's") { $0.sessionID = Array(repeating: 7, count: 32) },
        Hello("a cipher suite of TLS 1.2") { $0.cipher = [0xc0, 0x2b] },
        Hello("no key share") { $0.extensions.removeAll { $0.type == 51 } },
        Hello("a group that was not offered") {
            $0.change(51) {
                $0[0] = 0x7a; $0[1] = 0x7a
            }
        },
        Hello("a group other than that of the share") { $0.change(51) { $0[1] ^= 0x02 } },
        Hello("a share that is cut") { $0.change(51) { $0 = Array($0.prefix(20)) } },
        Hello("a share without a point") { $0.change(51) { $0 = Array($0.prefix(2)) + [0, 0] } },
        Hello("a share of zeros") { $0.change(51) { share in for index in 4..<share.count { share[index] = 0 } } },
        Hello("a share that is not on the curve") {
            $0.change(51) {
                $0[20] ^= 1; $0[21] ^= 7
            }
        },
        Hello("a key that was never shared") { $0.extensions.append((41, [0, 0])) },
        Hello("a wish to retry that changes nothing") {
            $0.random = retry; $0.change(51) { $0 = Array($0.prefix(2)) }
        },
        Hello("a wish to retry with a share") { $0.random = retry },
        Hello("a wish to retry with a group that was not offered") {
            $0.random = retry
            $0.change(51) { $0 = [0x7a, 0x7a] }
        },
    ]

    static let tls12: [Hello] = [
        Hello("renegotiation of what was not negotiated") { $0.extensions.append((0xff01, [1, 9])) },
        Hello("renegotiation twice") { $0.extensions += $0.extensions.filter { $0.type == 0xff01 } },
        Hello("TLS 1.3 by extension") { $0.extensions.append((43, [3, 4])) },
        Hello("a cipher suite of TLS 1.3") { $0.cipher = [0x13, 0x01] },
    ]

    private func forge(_ version: TLSVersion, offering: ClosedRange<TLSVersion>? = nil, _ forgery: Hello) throws {
        let attack = try Attack(version, clientVersions: offering)
        var flight = try attack.answer()
        var messages = Message.all(in: Array(flight.prefix(1)))
        var hello = try #require(messages.first.flatMap(ServerHello.init))
        try #require(hello.message == messages[0], "what is not forged is as it was")
        try forgery.edit(&hello)
        messages[0] = hello.message
        flight[0].body = messages.flatMap(\.bytes)
        attack.deliver(flight)
        if attack.client.outcome == nil {
            // A second hello is too much in any case.
            #expect(attack.client.take() != nil)
            attack.deliver(flight)
        }
        attack.expectFailure()
    }

    @Test(arguments: TLSVersion.allCases, both)
    func aForgedHelloFailsTheHandshake(_ version: TLSVersion, _ forgery: Hello) throws {
        try forge(version, forgery)
    }

    @Test(arguments: both + tls13)
    func aForgedHelloOfTLS13FailsTheHandshake(_ forgery: Hello) throws {
        try forge(.v1_3, offering: .v1_2 ... .v1_3, forgery)
    }

    @Test(arguments: both + tls12)
    func aForgedHelloOfTLS12FailsTheHandshake(_ forgery: Hello) throws {
        try forge(.v1_2, offering: .v1_2 ... .v1_3, forgery)
    }

    @Test(arguments: [sentinel12, sentinel11])
    func aDowngradeThatTheServerMarkedFailsTheHandshake(_ sentinel: [UInt8]) throws {
        let attack = try Attack(.v1_2, clientVersions: .v1_2 ... .v1_3)
        var flight = try Flight12(attack.answer(), attack.clientHello)
        flight.hello?.random.replaceSubrange(24..., with: sentinel)
        try flight.sign()
        attack.deliver(flight.records)
        attack.expectFailure()
    }

    @Test func aHelloThatIsCutByItsOwnLengthFailsTheHandshake() throws {
        for version in TLSVersion.allCases {
            let honest = try Attack(version).answer()
            let whole = try #require(Message.all(in: honest).first)
            // A hello without extensions is a hello of TLS 1.2.
            let bare = 38 + Int(whole.body[34])
            for size in 0..<whole.body.count where size != bare || version == .v1_3 {
                let attack = try Attack(version)
                var flight = try attack.answer()
                let first = try #require(Message.all(in: flight).first)
                flight[0].body = Message(type: first.type, body: Array(first.body.prefix(size))).bytes
                attack.deliver(flight)
                attack.expectFailure("\(version), \(size) bytes")
            }
        }
    }
}

import GnuTLS
import MTLSCore
import NIOCore
import NIOEmbedded
import Testing

@testable import GnuTLSNIO

/// What a server of TLS 1.2 may not say between its hello and its Finished (RFC 5246 §7.4).
struct FlightAttack12Tests {
    typealias Flight = Forgery<Flight12>
    typealias Kind = Message.Kind

    static func certificate(_ certificates: [[UInt8]]) -> Message {
        let list: [UInt8] = certificates.flatMap { Array(UInt32($0.count).bytes.dropFirst()) + $0 }
        return Message(type: Kind.certificate, body: Array(UInt32(list.count).bytes.dropFirst()) + list)
    }

    static let signatures: [Flight] = [
        Flight("an altered signature") { flight in
            let end = (flight[Kind.serverKeyExchange]?.body.count ?? 0) - 5
            flight[Kind.serverKeyExchange]?.body[end] ^= 1
        },
        Flight("altered parameters") { $0[Kind.serverKeyExchange]?.body[30] ^= 1 },
        Flight("a signature by another key") { try $0.sign(by: World.shared().clientKey) },
        Flight("a signature for another client") { try $0.sign(clientRandom: Array(repeating: 1, count: 32)) },
        Flight("a signature for another server random") { $0.hello?.random[5] ^= 1 },
        Flight("a signature of a kind that the key cannot make") { try $0.sign(naming: 0x0401) },
        Flight("a signature with SHA-1") { try $0.sign(naming: 0x0203) },
        Flight("a signature with MD5") { try $0.sign(naming: 0x0103) },
        Flight("a signature of a kind that nobody knows") { try $0.sign(naming: 0xfe01) },
        Flight("no signature") { flight in
            let parameters = flight.parameters
            flight[Kind.serverKeyExchange]?.body = parameters
        },
        Flight("an empty signature") { flight in
            let parameters = flight.parameters
            flight[Kind.serverKeyExchange]?.body = parameters + [4, 3, 0, 0]
        },
        Flight("a signature that is cut") { $0[Kind.serverKeyExchange]?.body.removeLast(3) },
        Flight("bytes behind the signature") { $0[Kind.serverKeyExchange]?.body += [0] },
        Flight("a curve that was not offered") {
            try $0.sign(parameters: [3, 0x7a, 0x7a] + $0.parameters.dropFirst(3))
        },
        Flight("a curve of the server's own") { try $0.sign(parameters: [1] + $0.parameters.dropFirst()) },
        Flight("a point of another curve") { try $0.sign(parameters: [3, 0, 24] + $0.parameters.dropFirst(3)) },
        Flight("a point at infinity") { try $0.sign(parameters: [3, 0, 23, 1, 0]) },
        Flight("an empty point") { try $0.sign(parameters: [3, 0, 23, 0]) },
        Flight("a point that is not on the curve") { flight in
            var parameters = flight.parameters
            parameters[20] ^= 1
            try flight.sign(parameters: parameters)
        },
    ]

    static let certificates: [Flight] = [
        Flight("no certificates") { $0[Kind.certificate] = certificate([]) },
        Flight("an empty certificate") { $0[Kind.certificate] = certificate([[]]) },
        Flight("an empty message") { $0[Kind.certificate]?.body = [] },
        Flight("a certificate that is none") {
            $0[Kind.certificate] = certificate([Array(repeating: 0x30, count: 300)])
        },
        Flight("a certificate that is cut") {
            try $0[Kind.certificate] = certificate([World.shared().server.chain[0].der.dropLast()])
        },
        Flight("a length beyond the message") { $0[Kind.certificate]?.body[0] = 0xff },
        Flight("a megabyte of certificates") { flight in
            let body = try certificate(Array(repeating: World.shared().server.chain[0].der, count: 2500)).bytes
            flight.forged =
                flight.messages.prefix(1).map { Record(type: 22, body: $0.bytes) }
                + stride(from: 0, to: body.count, by: 16_384).map {
                    Record(type: 22, body: Array(body[$0..<min($0 + 16_384, body.count)]))
                }
        },
        Flight("a message that would be of 16 megabytes") { flight in
            let piece = Record(type: 22, body: Array(repeating: 0, count: 16_000))
            flight.forged =
                [Record(type: 22, body: [Kind.certificate, 0xff, 0xff, 0xff])] + Array(repeating: piece, count: 20)
        },
    ]

    static let order: [Flight] =
        [
            Flight("no certificate") { $0[Kind.certificate] = nil },
            Flight("no key exchange") { $0[Kind.serverKeyExchange] = nil },
            Flight("neither certificate nor key exchange") {
                $0[Kind.certificate] = nil; $0[Kind.serverKeyExchange] = nil
            },
            Flight("nothing but a hello and its end") { flight in
                flight.messages.removeAll { ![Kind.serverHello, Kind.serverHelloDone].contains($0.type) }
            },
            Flight("the end at once") { flight in flight.messages.removeAll { $0.type != Kind.serverHelloDone } },
            Flight("the key exchange before the certificate") { flight in
                let exchange = flight[Kind.serverKeyExchange]
                flight[Kind.serverKeyExchange] = nil
                if let exchange { flight.insert(exchange, before: Kind.certificate) }
            },
            Flight("the request before the key exchange") { flight in
                let request = flight[Kind.certificateRequest]
                flight[Kind.certificateRequest] = nil
                if let request { flight.insert(request, before: Kind.serverKeyExchange) }
            },
            Flight("the end with content") { $0[Kind.serverHelloDone]?.body = [0] },
        ]
        + [Kind.serverHello, Kind.certificate, Kind.serverKeyExchange, Kind.certificateRequest].map { type in
            Flight("message \(type) twice") { flight in
                if let twice = flight[type] { flight.insert(twice, before: type) }
            }
        }
        + [
            ("a ClientHello", Kind.clientHello, [3, 3]),
            ("a ticket", Kind.newSessionTicket, Array(repeating: 0, count: 20)),
            ("protected extensions", Kind.encryptedExtensions, [0, 0]),
            ("Finished", Kind.finished, Array(repeating: 0, count: 12)),
            ("a CertificateVerify", Kind.certificateVerify, [4, 3, 0, 0]), ("a ClientKeyExchange", 16, [1, 1]),
            ("a certificate status", 22, [1, 0, 0, 0]), ("a key update", Kind.keyUpdate, [0]),
            ("a compressed certificate", Kind.compressedCertificate, [0, 1, 0, 0, 1, 0, 0, 1, 0]),
            ("a message of an unknown kind", 99, [1, 2, 3]),
        ].map { name, type, body in
            Flight("\(name) before the key exchange") {
                $0.insert(Message(type: type, body: body), before: Kind.serverKeyExchange)
            }
        }

    static let records: [Flight] =
        [
            ("close_notify", .alert(0)), ("a fatal alert", .alert(40, fatal: true)),
            ("an alert of one byte", Record(type: 21, body: [2])),
            ("an alert of three bytes", Record(type: 21, body: [2, 80, 0])),
            ("an empty alert", Record(type: 21, body: [])),
            ("application data", Record(type: 23, body: Array("HTTP/1.1 200 OK\r\n\r\n".utf8))),
            ("empty application data", Record(type: 23, body: [])),
            ("a change_cipher_spec", Record(type: 20, body: [1])),
            ("a change_cipher_spec of two bytes", Record(type: 20, body: [1, 1])),
            ("a heartbeat", Record(type: 24, body: [1, 0xff, 0xff])),
            ("a record of an unknown kind", Record(type: 99, body: [1])),
            ("a record that is too long", Record(type: 22, body: Array(repeating: 0, count: 16_384 + 2049))),
            ("a record of SSL 2", Record(type: 0x80, version: [0x2e, 1], body: Array(repeating: 1, count: 300))),
            ("a record of another major version", Record(type: 22, version: [9, 9], body: [0, 0, 0, 0])),
        ].map { name, record in
            Flight("\(name) before the certificate") { flight in
                var all = flight.records
                all.insert(record, at: 1)
                flight.forged = all
            }
        } + [
            Flight("user_canceled and close_notify") { $0.forged = [.alert(90), .alert(0)] },
            Flight("alerts without end") { $0.forged = Array(repeating: .alert(90), count: 50_000) },
            Flight("messages without content and end") {
                $0.forged = Array(repeating: Record(type: 22, body: []), count: 60_000)
            },
            Flight("wishes to renegotiate without end") {
                $0.forged = Array(repeating: Record(type: 22, body: [0, 0, 0, 0]), count: 40_000)
            },
            Flight("a message interrupted by an alert that closes") {
                $0.forged = [Record(type: 22, body: Array($0.messages[0].bytes.prefix(9))), .alert(0)]
            },
        ]

    private func forge(_ forgery: Flight, signed: Bool = true) throws -> Attack {
        let attack = try Attack(.v1_2)
        var flight = try Flight12(attack.answer(), attack.clientHello)
        try forgery.edit(&flight)
        if signed, !flight.isSigned, flight[Kind.serverKeyExchange] != nil { try flight.sign() }
        attack.deliver(flight.records)
        return attack
    }

    @Test func anUnforgedFlightIsAccepted() throws {
        let attack = try forge(Flight("nothing") { _ in })
        #expect(attack.signer.signatures == 1 && attack.client.handshakeError == nil)
    }

    @Test(arguments: signatures)
    func aForgedKeyExchangeFailsTheHandshake(_ forgery: Flight) throws {
        try forge(forgery, signed: false).expectFailure()
    }

    @Test(arguments: certificates)
    func aForgedCertificateFailsTheHandshake(_ forgery: Flight) throws {
        try forge(forgery).expectFailure()
    }

    @Test(arguments: order)
    func aMessageOutOfPlaceFailsTheHandshake(_ forgery: Flight) throws {
        try forge(forgery).expectFailure()
    }

    @Test(arguments: records)
    func aForgedRecordFailsTheHandshake(_ forgery: Flight) throws {
        try forge(forgery).expectFailure()
    }

    @Test func messagesMayTravelInManySmallRecords() throws {
        let attack = try forge(
            Flight("small") { flight in
                flight.forged = flight.messages.flatMap { $0.bytes.map { Record(type: 22, body: [$0]) } }
            }, signed: false)
        attack.settle()
        #expect(attack.client.summary != nil && attack.signer.signatures == 1)
    }

    @Test func aWarningInTheHandshakeIsPassedOver() throws {
        let attack = try forge(
            Flight("warning") { flight in flight.forged = [.alert(112)] + flight.records }, signed: false)
        attack.settle()
        #expect(attack.client.summary != nil)
    }

    // MARK: The server's second flight

    static let endings: [Forgery<(records: [Record], keys: TrafficKeys)>] = [
        .init("an altered Finished") { $0.records[$0.records.count - 1].body[15] ^= 1 },
        .init("a Finished that is not true") { flight in
            flight.keys.rewind()
            flight.records[flight.records.count - 1] = flight.keys.seal(
                22, Message(type: Kind.finished, body: Array(repeating: 7, count: 12)).bytes)
        },
        .init("a Finished that is empty") { flight in
            flight.keys.rewind()
            flight.records[flight.records.count - 1] = flight.keys.seal(
                22, Message(type: Kind.finished, body: []).bytes)
        },
        .init("application data before Finished") { flight in
            flight.keys.rewind()
            flight.records[flight.records.count - 1] = flight.keys.seal(23, Array("HTTP/1.1 200 OK\r\n\r\n".utf8))
        },
        .init("close_notify before Finished") { flight in
            flight.keys.rewind()
            flight.records[flight.records.count - 1] = flight.keys.seal(21, [1, 0])
        },
        .init("Finished in the clear") { flight in
            flight.records = [
                Record(type: 22, body: Message(type: Kind.finished, body: Array(repeating: 7, count: 12)).bytes)
            ]
        },
        .init("no change_cipher_spec") { flight in flight.records.removeAll { $0.type == 20 } },
        .init("change_cipher_spec twice") { $0.records.insert(Record(type: 20, body: [1]), at: 0) },
    ]

    @Test(arguments: endings)
    func aForgedEndFailsTheHandshake(_ forgery: Forgery<(records: [Record], keys: TrafficKeys)>) throws {
        let attack = try Attack(.v1_2)
        attack.deliver(try attack.answer())
        attack.server.give(attack.client.take())
        let records = Record.all(in: attack.server.take())
        var flight = (records: records, keys: try TrafficKeys(writingAs: #require(attack.server.handler.session)))
        try forgery.edit(&flight)
        attack.deliver(flight.records)
        attack.expectFailure(signatures: 1)
    }
}

import DevPKI
import GnuTLS
import MTLSCore
import NIOCore
import NIOEmbedded
import Testing

/// What a server of TLS 1.3 may not say between its hello and its Finished (RFC 8446 §4.3, §4.4). The forger knows the
/// server's secrets: what is forged fits the transcript, unless it is the signature or Finished itself.
struct FlightAttack13Tests {
    typealias Flight = Forgery<Flight13>
    typealias Kind = Message.Kind

    /// A certificate message of these certificates (RFC 8446 §4.4.2).
    static func certificate(_ certificates: [[UInt8]], context: [UInt8] = []) -> Message {
        let list: [UInt8] = certificates.flatMap { Array(UInt32($0.count).bytes.dropFirst()) + $0 + [0, 0] }
        let size = Array(UInt32(list.count).bytes.dropFirst())
        return Message(type: Kind.certificate, body: [UInt8(context.count)] + context + size + list)
    }

    static let signatures: [Flight] = [
        Flight("an altered signature") { $0[Kind.certificateVerify]?.body[20] ^= 1 },
        Flight("a signature by another key") { try $0.sign(by: World.shared().clientKey) },
        Flight("a signature in the client's name") { try $0.sign(context: "TLS 1.3, client CertificateVerify") },
        Flight("a signature by PKCS1") { try $0.sign(naming: 0x0401) },
        Flight("a signature of a kind that the key cannot make") { try $0.sign(naming: 0x0804) },
        Flight("a signature for another curve") { try $0.sign(naming: 0x0503) },
        Flight("a signature with SHA-1") { try $0.sign(naming: 0x0203) },
        Flight("a signature of a kind that nobody knows") { try $0.sign(naming: 0xfe01) },
        Flight("an empty signature") { $0[Kind.certificateVerify]?.body = [4, 3, 0, 0] },
        Flight("a signature that is cut") { $0[Kind.certificateVerify]?.body.removeLast(3) },
        Flight("a signature of an earlier flight") {
            let done = $0[Kind.certificateVerify]
            $0.insert(Message(type: Kind.certificateRequest, body: [1, 7, 0, 0]), before: Kind.certificate)
            $0[Kind.certificateVerify] = done
        },
    ]

    static let certificates: [Flight] = [
        Flight("no certificates") { $0[Kind.certificate] = certificate([]) },
        Flight("an empty certificate") { $0[Kind.certificate] = certificate([[]]) },
        Flight("a certificate that is none") {
            $0[Kind.certificate] = certificate([Array(repeating: 0x30, count: 300)])
        },
        Flight("a certificate that is cut") {
            try $0[Kind.certificate] = certificate([World.shared().server.chain[0].der.dropLast()])
        },
        Flight("certificates in answer to a request") {
            try $0[Kind.certificate] = certificate([World.shared().server.chain[0].der], context: [1])
        },
        Flight("a length beyond the message") { $0[Kind.certificate]?.body[1] = 0xff },
        Flight("a megabyte of certificates") {
            try $0[Kind.certificate] = certificate(Array(repeating: World.shared().server.chain[0].der, count: 2500))
        },
        Flight("a message that would be of 16 megabytes") {
            $0.forged = [(22, [Kind.certificate, 0xff, 0xff, 0xff] + Array(repeating: 0, count: 300_000))]
        },
        Flight("a compressed certificate") {
            let body = $0[Kind.certificate]?.body ?? []
            $0[Kind.certificate] = Message(
                type: Kind.compressedCertificate,
                body: [0, 1] + UInt32(body.count).bytes.dropFirst() + UInt32(body.count).bytes.dropFirst() + body)
        },
    ]

    static let order: [Flight] =
        [
            Flight("no extensions message") { $0[Kind.encryptedExtensions] = nil },
            Flight("no certificate") { $0[Kind.certificate] = nil },
            Flight("no signature") { $0[Kind.certificateVerify] = nil },
            Flight("neither certificate nor signature") {
                $0[Kind.certificate] = nil; $0[Kind.certificateVerify] = nil
            },
            Flight("nothing but Finished") { flight in flight.messages.removeAll { $0.type != Kind.finished } },
            Flight("the signature before the certificate") {
                let signature = $0[Kind.certificateVerify]
                $0[Kind.certificateVerify] = nil
                if let signature { $0.insert(signature, before: Kind.certificate) }
            },
            Flight("the request after the certificate") {
                let request = $0[Kind.certificateRequest]
                $0[Kind.certificateRequest] = nil
                if let request { $0.insert(request, before: Kind.certificateVerify) }
            },
            Flight("the request twice") { flight in
                if let request = flight[Kind.certificateRequest] { flight.insert(request, before: Kind.certificate) }
            },
            Flight("the certificate twice") { flight in
                if let twice = flight[Kind.certificate] { flight.insert(twice, before: Kind.certificateVerify) }
            },
            Flight("the extensions twice") { flight in
                if let twice = flight[Kind.encryptedExtensions] { flight.insert(twice, before: Kind.certificate) }
            },
        ]
        + [
            ("a HelloRequest", Kind.helloRequest, []), ("a ClientHello", Kind.clientHello, [3, 3]),
            ("a ServerHello", Kind.serverHello, [3, 3]),
            ("a ticket", Kind.newSessionTicket, Array(repeating: 0, count: 20)),
            ("the end of early data", 5, []), ("a ServerKeyExchange", Kind.serverKeyExchange, [3, 0, 29]),
            ("a ServerHelloDone", Kind.serverHelloDone, []), ("a key update", Kind.keyUpdate, [0]),
            ("a message of an unknown kind", 99, [1, 2, 3]),
        ].map { name, type, body in
            Flight("\(name) before the certificate") {
                $0.insert(Message(type: type, body: body), before: Kind.certificate)
            }
        }

    static let endings: [Flight] = [
        Flight("an altered Finished") { $0[Kind.finished]?.body[3] ^= 1 },
        Flight("an empty Finished") { $0[Kind.finished]?.body = [] },
        Flight("a Finished that is too long") { $0[Kind.finished]?.body += [0] },
        Flight("a Finished that is too short") { $0[Kind.finished]?.body.removeLast() },
        Flight("application data in place of Finished") {
            $0.forged = $0.messages.dropLast().map { (22, $0.bytes) } + [(23, Array("HTTP/1.1 200 OK\r\n\r\n".utf8))]
        },
        Flight("close_notify in place of Finished") {
            $0.forged = $0.messages.dropLast().map { (22, $0.bytes) } + [(21, [1, 0])]
        },
    ]

    static let records: [Flight] = [
        Flight("close_notify before the certificate") { $0.forged = [(22, $0.messages[0].bytes), (21, [1, 0])] },
        Flight("user_canceled and close_notify") {
            $0.forged = [(22, $0.messages[0].bytes), (21, [1, 90]), (21, [1, 0])]
        },
        Flight("a fatal alert") { $0.forged = [(21, [2, 80])] },
        Flight("an alert of one byte") { $0.forged = [(21, [2])] },
        Flight("an alert of three bytes") { $0.forged = [(21, [2, 80, 0])] },
        Flight("an empty alert") { $0.forged = [(21, [])] },
        Flight("application data before the certificate") { $0.forged = [(22, $0.messages[0].bytes), (23, [1, 2])] },
        Flight("a record of an unknown kind") { $0.forged = [(22, $0.messages[0].bytes), (77, [1, 2])] },
        Flight("a record of nothing but padding") { $0.forged = [(22, $0.messages[0].bytes), (0, [0, 0, 0])] },
        Flight("a protected change_cipher_spec") { $0.forged = [(22, $0.messages[0].bytes), (20, [1])] },
        Flight("an empty message record") {
            $0.forged = [(22, $0.messages[0].bytes)] + Array(repeating: (22, []), count: 1000)
        },
        Flight("a message interrupted by an alert that closes") {
            $0.forged = [(22, Array($0.messages[0].bytes.prefix(3))), (21, [1, 0])]
        },
        Flight("a message interrupted by application data") {
            $0.forged = [
                (22, Array($0.messages[0].bytes.prefix(3))), (23, [1]), (22, Array($0.messages[0].bytes.dropFirst(3))),
            ]
        },
        Flight("messages in the clear") { flight in
            flight.clear += flight.messages.map { Record(type: Record.Kind.handshake, body: $0.bytes) }
        },
        Flight("a fatal alert in the clear") { $0.clear.append(.alert(40, fatal: true)) },
        Flight("application data in the clear") {
            $0.clear.append(Record(type: 23, body: Array("HTTP/1.1 200 OK".utf8)))
        },
        Flight("a change_cipher_spec of two bytes") { $0.clear.append(Record(type: 20, body: [1, 1])) },
        Flight("a change_cipher_spec of another value") { $0.clear.append(Record(type: 20, body: [2])) },
        Flight("a record that is too long") {
            $0.clear.append(Record(type: 23, body: Array(repeating: 1, count: 16_384 + 257)))
        },
        Flight("a record of an unknown kind in the clear") { $0.clear.append(Record(type: 99, body: [1])) },
        Flight("an empty record in the clear") { $0.clear.append(Record(type: 23, body: [])) },
    ]

    enum Fit { case nothing, finished, all }

    /// - Parameter fit: What is made to fit the transcript after the forgery.
    private func forge(_ forgery: Flight, fit: Fit = .all, protocols: [String] = ["http/1.1"]) throws -> Attack {
        let attack = try Attack(.v1_3, protocols: protocols)
        let records = try attack.answer()
        var flight = try Flight13(records, attack.clientHello, secret: #require(attack.secrets.handshake))
        try forgery.edit(&flight)
        if fit == .all { try flight.sign() }
        if fit != .nothing { try flight.finish() }
        attack.deliver(try flight.records)
        return attack
    }

    @Test func anUnforgedFlightIsAccepted() throws {
        let attack = try forge(Flight("nothing") { _ in })
        #expect(attack.client.summary != nil && attack.signer.signatures == 1)
    }

    @Test(arguments: signatures)
    func aForgedSignatureFailsTheHandshake(_ forgery: Flight) throws {
        try forge(forgery, fit: .finished).expectFailure()
    }

    @Test(arguments: certificates)
    func aForgedCertificateFailsTheHandshake(_ forgery: Flight) throws {
        try forge(forgery).expectFailure()
    }

    @Test(arguments: order)
    func aMessageOutOfPlaceFailsTheHandshake(_ forgery: Flight) throws {
        try forge(forgery).expectFailure()
    }

    @Test(arguments: endings)
    func aForgedEndFailsTheHandshake(_ forgery: Flight) throws {
        try forge(forgery, fit: .nothing).expectFailure()
    }

    @Test(arguments: records)
    func aForgedRecordFailsTheHandshake(_ forgery: Flight) throws {
        try forge(forgery).expectFailure()
    }

    @Test(
        arguments: [
            Flight("a protocol that was not offered") { $0.extensions = [Extensions.protocols(["h2"])] },
            Flight("two protocols") { $0.extensions = [Extensions.protocols(["http/1.1", "http/1.1"])] },
            Flight("no protocol") { $0.extensions = [Extensions.protocols([])] },
            Flight("an empty protocol") { $0.extensions = [Extensions.protocols([""])] },
            Flight("a protocol that an offer begins with") { $0.extensions = [Extensions.protocols(["http/1"])] },
            Flight("protocols twice") { flight in
                flight.extensions = [Extensions.protocols(["http/1.1"]), Extensions.protocols(["http/1.1"])]
            },
            Flight("an extension that nobody asked for") { $0.extensions.append((0x7777, [])) },
            Flight("a key share among the protected extensions") { $0.extensions.append((51, [0, 29])) },
            Flight("extensions that are cut") { $0[Kind.encryptedExtensions]?.body = [0, 9, 0, 16, 0] },
        ])
    func aForgedExtensionFailsTheHandshake(_ forgery: Flight) throws {
        try forge(forgery).expectFailure()
    }

    @Test func aProtocolWithoutAnyOfferFailsTheHandshake() throws {
        try forge(Flight("") { $0.extensions = [Extensions.protocols(["http/1.1"])] }, protocols: []).expectFailure()
    }

    @Test func messagesMayTravelInManySmallRecords() throws {
        let attack = try forge(
            Flight("small") { flight in
                try flight.sign()
                try flight.finish()
                flight.forged = flight.messages.flatMap { $0.bytes.map { (22, [$0]) } }
            })
        #expect(attack.client.summary != nil && attack.signer.signatures == 1)
    }

    @Test func whatFollowsFinishedInItsRecordIsNotPlaintext() throws {
        let attack = try forge(
            Flight("ticket") { flight in
                try flight.sign()
                try flight.finish()
                let ticket = Message(type: Kind.newSessionTicket, body: Array(repeating: 0, count: 20))
                flight.forged = [(22, flight.messages.flatMap(\.bytes) + ticket.bytes)]
            })
        #expect(attack.client.recorder.received.readableBytes == 0)
    }

    @Test func aHundredCertificatesAreJudgedOrRefusedAtOnce() throws {
        let attack = try forge(
            Flight("many") { flight in
                let world = try World.shared()
                flight[Kind.certificate] = Self.certificate(
                    world.server.chain.map(\.der) + Array(repeating: world.authority.certificate.der, count: 100))
            })
        #expect(attack.client.outcome != nil)
    }
}

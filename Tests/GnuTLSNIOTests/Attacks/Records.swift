import NIOCore

/// A record as it travels (RFC 8446 §5.1, RFC 5246 §6.2).
struct Record: Equatable {
    enum Kind {
        static let changeCipherSpec: UInt8 = 20
        static let alert: UInt8 = 21
        static let handshake: UInt8 = 22
        static let applicationData: UInt8 = 23
    }

    var type: UInt8
    var version: [UInt8] = [3, 3]
    var body: [UInt8]

    var bytes: [UInt8] { [type] + version + UInt16(truncatingIfNeeded: body.count).bytes + body }

    static func alert(_ number: UInt8, fatal: Bool = false) -> Record {
        Record(type: Kind.alert, body: [fatal ? 2 : 1, number])
    }

    /// The whole records of a flight.
    static func all(in buffer: ByteBuffer?) -> [Record] {
        guard var buffer else { return [] }
        var records: [Record] = []
        while let type = buffer.readInteger(as: UInt8.self), let version = buffer.readBytes(length: 2),
            let length = buffer.readInteger(as: UInt16.self), let body = buffer.readBytes(length: Int(length))
        {
            records.append(Record(type: type, version: version, body: body))
        }
        return records
    }
}

/// A handshake message (RFC 8446 §4, RFC 5246 §7.4).
struct Message: Equatable {
    enum Kind {
        static let helloRequest: UInt8 = 0
        static let clientHello: UInt8 = 1
        static let serverHello: UInt8 = 2
        static let newSessionTicket: UInt8 = 4
        static let encryptedExtensions: UInt8 = 8
        static let certificate: UInt8 = 11
        static let serverKeyExchange: UInt8 = 12
        static let certificateRequest: UInt8 = 13
        static let serverHelloDone: UInt8 = 14
        static let certificateVerify: UInt8 = 15
        static let finished: UInt8 = 20
        static let keyUpdate: UInt8 = 24
        static let compressedCertificate: UInt8 = 25
    }

    var type: UInt8
    var body: [UInt8]

    var bytes: [UInt8] { [type] + UInt32(body.count).bytes.dropFirst() + body }

    /// The messages in the handshake records among `records`.
    static func all(in records: [Record]) -> [Message] {
        all(in: records.filter { $0.type == Record.Kind.handshake }.flatMap(\.body))
    }

    static func all(in bytes: [UInt8]) -> [Message] {
        var buffer = ByteBuffer(bytes: bytes)
        var messages: [Message] = []
        while let header = buffer.readInteger(as: UInt32.self),
            let body = buffer.readBytes(length: Int(header & 0xff_ffff))
        {
            messages.append(Message(type: UInt8(header >> 24), body: body))
        }
        return messages
    }
}

/// The parts of a ServerHello that forgeries change.
struct ServerHello {
    var version: [UInt8]
    var random: [UInt8]
    var sessionID: [UInt8]
    var cipher: [UInt8]
    var compression: UInt8
    var extensions: [(type: UInt16, body: [UInt8])]

    init?(_ message: Message) {
        var buffer = ByteBuffer(bytes: message.body)
        guard let version = buffer.readBytes(length: 2), let random = buffer.readBytes(length: 32),
            let idLength = buffer.readInteger(as: UInt8.self), let id = buffer.readBytes(length: Int(idLength)),
            let cipher = buffer.readBytes(length: 2), let compression = buffer.readInteger(as: UInt8.self)
        else { return nil }
        self.version = version
        self.random = random
        sessionID = id
        self.cipher = cipher
        self.compression = compression
        extensions = Extensions.parse(buffer.readBytes(length: buffer.readableBytes) ?? [])
    }

    var message: Message {
        Message(
            type: Message.Kind.serverHello,
            body: version + random + [UInt8(sessionID.count)] + sessionID + cipher + [compression]
                + Extensions.encode(extensions))
    }

    /// Changes the body of an extension that is there.
    mutating func change(_ type: UInt16, _ edit: (inout [UInt8]) -> Void) {
        for index in extensions.indices where extensions[index].type == type { edit(&extensions[index].body) }
    }
}

enum Extensions {
    static func parse(_ bytes: [UInt8]) -> [(type: UInt16, body: [UInt8])] {
        var buffer = ByteBuffer(bytes: bytes.dropFirst(2))
        var all: [(type: UInt16, body: [UInt8])] = []
        while let type = buffer.readInteger(as: UInt16.self), let length = buffer.readInteger(as: UInt16.self),
            let body = buffer.readBytes(length: Int(length))
        {
            all.append((type, body))
        }
        return all
    }

    static func encode(_ all: [(type: UInt16, body: [UInt8])]) -> [UInt8] {
        let joined = all.flatMap { $0.type.bytes + UInt16($0.body.count).bytes + $0.body }
        return UInt16(joined.count).bytes + joined
    }

    /// The ALPN extension of an answer (RFC 7301 §3.1).
    static func protocols(_ names: [String]) -> (type: UInt16, body: [UInt8]) {
        let list = names.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
        return (16, UInt16(list.count).bytes + list)
    }
}

extension FixedWidthInteger {
    /// In network order.
    var bytes: [UInt8] { withUnsafeBytes(of: bigEndian) { Array($0) } }
}

extension End {
    func give(_ records: [Record]) { give(ByteBuffer(bytes: records.flatMap(\.bytes))) }
}

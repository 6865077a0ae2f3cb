import GnuTLS
import Testing

/// The flight that a server of TLS 1.2 answers the client's hello with. Nothing protects it but the signature of its
/// key exchange (RFC 5246 §7.4.3).
struct Flight12 {
    let clientHello: Message
    var messages: [Message]
    /// What is sent in place of the messages.
    var forged: [Record]?
    /// Whether the key exchange was signed by the forger.
    var isSigned = false

    init(_ records: [Record], _ clientHello: Message) {
        self.clientHello = clientHello
        messages = Message.all(in: records)
    }

    subscript(_ type: UInt8) -> Message? {
        get { messages.first { $0.type == type } }
        set {
            guard let index = messages.firstIndex(where: { $0.type == type }) else { return }
            if let newValue { messages[index] = newValue } else { messages.remove(at: index) }
        }
    }

    var hello: ServerHello? {
        get { self[Message.Kind.serverHello].flatMap(ServerHello.init) }
        set { self[Message.Kind.serverHello] = newValue?.message }
    }

    /// The curve and point of the key exchange, without scheme and signature.
    var parameters: [UInt8] {
        let body = self[Message.Kind.serverKeyExchange]?.body ?? []
        return body.count > 3 ? Array(body.prefix(4 + Int(body[3]))) : body
    }

    /// Signs the key exchange, with what the flight says now.
    mutating func sign(
        parameters: [UInt8]? = nil, by key: PrivateKey? = nil, naming scheme: UInt16 = 0x0403,
        clientRandom: [UInt8]? = nil
    ) throws {
        let key = try key ?? World.shared().serverKey
        let parameters = parameters ?? self.parameters
        let client = clientRandom ?? Array(clientHello.body[2..<34])
        let signature = try key.sign(
            client + (hello?.random ?? []) + parameters, scheme: #require(key.publicKey.schemes.first))
        self[Message.Kind.serverKeyExchange] = Message(
            type: Message.Kind.serverKeyExchange,
            body: parameters + scheme.bytes + UInt16(signature.count).bytes + signature)
        isSigned = true
    }

    mutating func insert(_ message: Message, before type: UInt8) {
        messages.insert(message, at: messages.firstIndex { $0.type == type } ?? messages.endIndex)
    }

    var records: [Record] { forged ?? messages.map { Record(type: Record.Kind.handshake, body: $0.bytes) } }
}

import GnuTLS
import Testing

/// The flight that a server of TLS 1.3 answers the client's hello with, decrypted.
struct Flight13 {
    let clientHello: Message
    /// The hello, and the change_cipher_spec that means nothing (RFC 8446 §D.4).
    var clear: [Record]
    var messages: [Message]
    /// What is sent in place of the messages, sealed.
    var forged: [(type: UInt8, content: [UInt8])]?
    private let secret: [UInt8]

    init(_ records: [Record], _ clientHello: Message, secret: [UInt8]) throws {
        self.clientHello = clientHello
        self.secret = secret
        clear = records.filter { $0.type != Record.Kind.applicationData }
        let keys = try TrafficKeys(secret: secret)
        let opened = try records.filter { $0.type == Record.Kind.applicationData }.map { try keys.open($0) }
        messages = Message.all(in: opened.flatMap(\.content))
    }

    subscript(_ type: UInt8) -> Message? {
        get { messages.first { $0.type == type } }
        set {
            guard let index = messages.firstIndex(where: { $0.type == type }) else { return }
            if let newValue { messages[index] = newValue } else { messages.remove(at: index) }
        }
    }

    mutating func insert(_ message: Message, before type: UInt8) {
        messages.insert(message, at: messages.firstIndex { $0.type == type } ?? messages.endIndex)
    }

    var extensions: [(type: UInt16, body: [UInt8])] {
        get { Extensions.parse(self[Message.Kind.encryptedExtensions]?.body ?? []) }
        set { self[Message.Kind.encryptedExtensions]?.body = Extensions.encode(newValue) }
    }

    /// The hash of everything before the first message of `type`.
    private func transcript(before type: UInt8) throws -> [UInt8] {
        let said = [clientHello] + Message.all(in: clear) + messages.prefix { $0.type != type }
        return try HashAlgorithm.sha256.hash(of: said.flatMap(\.bytes))
    }

    /// Signs what stands before CertificateVerify (RFC 8446 §4.4.3).
    mutating func sign(
        by key: PrivateKey? = nil, naming scheme: UInt16 = 0x0403, context: String = "TLS 1.3, server CertificateVerify"
    ) throws {
        let key = try key ?? World.shared().serverKey
        let text =
            try [UInt8](repeating: 32, count: 64) + Array(context.utf8) + [0]
            + transcript(before: Message.Kind.certificateVerify)
        let signature = try key.sign(text, scheme: #require(key.publicKey.schemes.first))
        self[Message.Kind.certificateVerify]?.body = scheme.bytes + UInt16(signature.count).bytes + signature
    }

    /// Makes Finished fit what stands before it (RFC 8446 §4.4.4).
    mutating func finish() throws {
        let verify = try Derived.hmac(
            Derived.expand(secret, "finished", 32), transcript(before: Message.Kind.finished))
        self[Message.Kind.finished]?.body = verify
    }

    var records: [Record] {
        get throws {
            let keys = try TrafficKeys(secret: secret)
            let contents = forged ?? messages.map { (Record.Kind.handshake, $0.bytes) }
            // A message that is longer than a record travels in several.
            return clear
                + contents.flatMap { type, content in
                    content.isEmpty
                        ? [keys.seal(type, [])]
                        : stride(from: 0, to: content.count, by: 16_384).map {
                            keys.seal(type, Array(content[$0..<min($0 + 16_384, content.count)]))
                        }
                }
        }
    }
}

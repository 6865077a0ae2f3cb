import CGnuTLS
import Synchronization
import Testing

@testable import GnuTLS

/// What protects one direction of a connection by AES-128-GCM, in hands that may misuse it.
final class TrafficKeys {
    /// Appended to the priorities, so that a connection is protected so.
    static let priority = "-CIPHER-ALL:+AES-128-GCM"

    private let cipher: gnutls_aead_cipher_hd_t
    private let iv: [UInt8]
    private let isTLS13: Bool
    private var sequence: UInt64

    private init(key: [UInt8], iv: [UInt8], isTLS13: Bool, sequence: UInt64) throws {
        var key = key
        cipher = try key.withUnsafeMutableBufferPointer { key in
            var datum = gnutls_datum_t(data: key.baseAddress, size: UInt32(key.count))
            var cipher: gnutls_aead_cipher_hd_t?
            #expect(gnutls_aead_cipher_init(&cipher, GNUTLS_CIPHER_AES_128_GCM, &datum) == 0)
            return try #require(cipher)
        }
        self.iv = iv
        self.isTLS13 = isTLS13
        self.sequence = sequence
    }

    /// TLS 1.3, from a traffic secret (RFC 8446 §7.3).
    convenience init(secret: [UInt8]) throws {
        try self.init(
            key: Derived.expand(secret, "key", 16), iv: Derived.expand(secret, "iv", 12), isTLS13: true, sequence: 0)
    }

    /// TLS 1.2, as `session` will protect what it sends next.
    convenience init(writingAs session: TLSSession) throws {
        var (mac, iv, key) = (gnutls_datum_t(), gnutls_datum_t(), gnutls_datum_t())
        var sequence = [UInt8](repeating: 0, count: 8)
        #expect(gnutls_record_get_state(session.handle, 0, &mac, &iv, &key, &sequence) == 0)
        try self.init(
            key: Array(UnsafeBufferPointer(start: key.data, count: Int(key.size))),
            iv: Array(UnsafeBufferPointer(start: iv.data, count: Int(iv.size)).prefix(4)), isTLS13: false,
            sequence: sequence.reduce(0) { $0 << 8 | UInt64($1) })
    }

    deinit { gnutls_aead_cipher_deinit(cipher) }

    /// Goes back, to replace a record that was sealed.
    func rewind(by count: UInt64 = 1) { sequence -= count }

    /// A record that the peer can decrypt, whatever is in it.
    func seal(_ type: UInt8, _ content: [UInt8], padding: Int = 0) -> Record {
        defer { sequence += 1 }
        let plaintext = isTLS13 ? content + [type] + [UInt8](repeating: 0, count: padding) : content
        let header =
            isTLS13
            ? [23, 3, 3] + UInt16(truncatingIfNeeded: plaintext.count + 16).bytes : additional(type, plaintext.count)
        let size = plaintext.count + 16
        let sealed = [UInt8](unsafeUninitializedCapacity: size) { output, count in
            count = size
            let result = gnutls_aead_cipher_encrypt(
                cipher, nonce, nonce.count, header, header.count, 16, plaintext, plaintext.count, output.baseAddress,
                &count)
            #expect(result == 0)
        }
        return isTLS13
            ? Record(type: Record.Kind.applicationData, body: sealed)
            : Record(type: type, body: sequence.bytes + sealed)
    }

    func seal(_ messages: [Message]) -> [Record] { messages.map { seal(Record.Kind.handshake, $0.bytes) } }

    /// What is in a record of TLS 1.3.
    func open(_ record: Record) throws -> (type: UInt8, content: [UInt8]) {
        defer { sequence += 1 }
        let header = Array(record.bytes.prefix(5))
        let plaintext = [UInt8](unsafeUninitializedCapacity: record.body.count) { output, count in
            count = record.body.count
            let result = gnutls_aead_cipher_decrypt(
                cipher, nonce, nonce.count, header, header.count, 16, record.body, record.body.count,
                output.baseAddress, &count)
            #expect(result == 0)
        }
        let end = try #require(plaintext.lastIndex { $0 != 0 })
        return (plaintext[end], Array(plaintext[..<end]))
    }

    private var nonce: [UInt8] {
        isTLS13 ? zip(iv, [0, 0, 0, 0] + sequence.bytes).map { $0 ^ $1 } : iv + sequence.bytes
    }

    private func additional(_ type: UInt8, _ size: Int) -> [UInt8] {
        sequence.bytes + [type, 3, 3] + UInt16(truncatingIfNeeded: size).bytes
    }
}

/// The key schedule of TLS 1.3 with SHA-256.
enum Derived {
    /// HKDF-Expand-Label with an empty context (RFC 8446 §7.1).
    static func expand(_ secret: [UInt8], _ label: String, _ length: Int) -> [UInt8] {
        let name = Array("tls13 \(label)".utf8)
        var info = UInt16(length).bytes + [UInt8(name.count)] + name + [0]
        var secret = secret
        var output = [UInt8](repeating: 0, count: length)
        secret.withUnsafeMutableBufferPointer { secret in
            info.withUnsafeMutableBufferPointer { info in
                var key = gnutls_datum_t(data: secret.baseAddress, size: UInt32(secret.count))
                var text = gnutls_datum_t(data: info.baseAddress, size: UInt32(info.count))
                #expect(gnutls_hkdf_expand(GNUTLS_MAC_SHA256, &key, &text, &output, length) == 0)
            }
        }
        return output
    }

    static func hmac(_ key: [UInt8], _ text: [UInt8]) -> [UInt8] {
        var output = [UInt8](repeating: 0, count: 32)
        #expect(gnutls_hmac_fast(GNUTLS_MAC_SHA256, key, key.count, text, text.count, &output) == 0)
        return output
    }
}

/// The traffic secrets that a session of TLS 1.3 writes with.
final class WriteSecrets {
    private static let all = Mutex<[Int: [UInt32: [UInt8]]]>([:])
    private let handle: Int

    /// Listens from here on.
    init(of session: TLSSession) {
        let handle = Int(bitPattern: session.handle)
        self.handle = handle
        Self.all.withLock { $0[handle] = [:] }
        gnutls_handshake_set_secret_function(session.handle) { handle, level, _, write, size in
            guard let handle, let write else { return 0 }
            let secret = Array(UnsafeRawBufferPointer(start: write, count: size))
            let (key, number) = (Int(bitPattern: handle), level.rawValue)
            WriteSecrets.all.withLock { $0[key]?[number] = secret }
            return 0
        }
    }

    deinit {
        let handle = handle
        Self.all.withLock { $0[handle] = nil }
    }

    private func secret(_ level: gnutls_record_encryption_level_t) -> [UInt8]? {
        let (handle, number) = (handle, level.rawValue)
        return Self.all.withLock { $0[handle]?[number] }
    }

    var handshake: [UInt8]? { secret(GNUTLS_ENCRYPTION_LEVEL_HANDSHAKE) }
    var application: [UInt8]? { secret(GNUTLS_ENCRYPTION_LEVEL_APPLICATION) }
}

import GnuTLS
public import MTLSCore

/// A server's public key, by the SHA-256 of its SubjectPublicKeyInfo (RFC 7469 §2.4).
public struct PublicKeyPin: Sendable, Hashable, CustomStringConvertible {
    /// The 32 bytes of the hash.
    public let sha256: [UInt8]

    /// Reads `sha256//` and the hash in Base64, as curl's `--pinnedpubkey` has it.
    ///
    /// - Throws: ``MTLSError`` with ``MTLSError/Code/trustInvalid``.
    public init(_ text: String) throws(MTLSError) {
        let prefix = "sha256//"
        guard text.hasPrefix(prefix), let hash = Base64.decoded(String(text.dropFirst(prefix.count))) else {
            throw Self.invalid(text)
        }
        try self.init(sha256: hash)
    }

    /// - Throws: ``MTLSError`` with ``MTLSError/Code/trustInvalid`` unless there are 32 bytes.
    public init(sha256: [UInt8]) throws(MTLSError) {
        guard sha256.count == 32 else { throw Self.invalid("\(sha256.count) bytes") }
        self.sha256 = sha256
    }

    /// Reads pins with semicolons between them.
    ///
    /// - Throws: ``MTLSError`` with ``MTLSError/Code/trustInvalid``.
    public static func list(_ text: String) throws(MTLSError) -> [PublicKeyPin] {
        try text.split(separator: ";", omittingEmptySubsequences: false).map { (part) throws(MTLSError) in
            try PublicKeyPin(String(part))
        }
    }

    init(of certificate: Certificate) throws(GnuTLSError) {
        sha256 = try certificate.publicKey.keyID()
    }

    /// As curl writes it.
    public var description: String { "sha256//\(Base64.encoded(sha256))" }

    private static func invalid(_ text: String) -> MTLSError {
        MTLSError(
            .trustInvalid, phase: .prepare, fault: .caller,
            "\"\(text)\" is not the pin of a public key: sha256// and the 44 characters of a SHA-256 in Base64 are")
    }
}

/// What DER stands for, told from its first elements: enough to keep apart what people put into files of keys and
/// certificates. Nothing is verified by it.
package enum DERKind: String, Sendable, CaseIterable {
    case certificate = "CERTIFICATE"
    case certificationRequest = "CERTIFICATE REQUEST"
    case publicKey = "PUBLIC KEY"
    case rsaPublicKey = "RSA PUBLIC KEY"
    case pkcs8 = "PRIVATE KEY"
    case encryptedPKCS8 = "ENCRYPTED PRIVATE KEY"
    case rsaPrivateKey = "RSA PRIVATE KEY"
    case ecPrivateKey = "EC PRIVATE KEY"
    case pkcs12 = "PKCS12"

    /// The label of RFC 7468 for it; PKCS#12 has none.
    package var label: String { rawValue }

    /// - Returns: Nil for what is no DER, or none of these.
    package init?(_ bytes: UnsafeRawBufferPointer) {
        var reader = PlainDER(bytes)
        guard let outer = reader.next(), outer.tag == 0x30 else { return nil }
        var elements = PlainDER(outer.contents)
        guard let first = elements.next(), let second = elements.next() else { return nil }
        switch (first.tag, second.tag) {
        case (0x02, _):
            guard first.contents.count == 1, let version = first.contents.first else {
                guard second.tag == 0x02 else { return nil }
                self = .rsaPublicKey
                return
            }
            guard let kind = Self.versioned(version, second.tag) else { return nil }
            self = kind
        case (0x30, let next):
            guard let kind = Self.nested(first.contents, next) else { return nil }
            self = kind
        default: return nil
        }
    }

    private static func versioned(_ version: UInt8, _ next: UInt8) -> DERKind? {
        switch (version, next) {
        case (3, 0x30): .pkcs12
        case (0...1, 0x30): .pkcs8
        case (0...1, 0x02): .rsaPrivateKey
        case (1, 0x04): .ecPrivateKey
        default: nil
        }
    }

    private static func nested(_ contents: UnsafeRawBufferPointer, _ next: UInt8) -> DERKind? {
        var elements = PlainDER(contents)
        guard let first = elements.next() else { return nil }
        return switch (first.tag, next) {
        case (0x06, 0x03): .publicKey
        case (0x06, 0x04): .encryptedPKCS8
        case (0xA0, 0x30): .certificate
        // Before version 3 a certificate has its serial number here, where a request has its version, 0.
        case (0x02, 0x30): first.contents.elementsEqual([0]) ? .certificationRequest : .certificate
        default: nil
        }
    }
}

/// Reads elements one after the other. An indefinite length, which BER allows, is taken to reach to the end.
private struct PlainDER {
    private var rest: UnsafeRawBufferPointer

    init(_ bytes: UnsafeRawBufferPointer) { rest = bytes }

    mutating func next() -> (tag: UInt8, contents: UnsafeRawBufferPointer)? {
        guard rest.count >= 2 else { return nil }
        let tag = rest[0]
        var length = Int(rest[1])
        var header = 2
        if length == 0x80 {
            length = rest.count - header
        } else if length > 0x80 {
            header += length & 0x7F
            guard header <= 6, header <= rest.count else { return nil }
            length = rest[2..<header].reduce(0) { $0 << 8 | Int($1) }
        }
        guard length <= rest.count - header else { return nil }
        defer { rest = UnsafeRawBufferPointer(rebasing: rest[(header + length)...]) }
        return (tag, UnsafeRawBufferPointer(rebasing: rest[header..<(header + length)]))
    }
}

extension PKCS11URI: CustomStringConvertible, CustomReflectable {
    /// The URI as RFC 7512 writes it, without the PIN: it is fit for errors and logs, and parses again.
    public var formatted: String {
        var path: [String] = []
        var query: [String] = []
        for attribute in Name.allCases {
            guard let value = encoded(attribute) else { continue }
            let pair = "\(attribute.rawValue)=\(value)"
            if attribute.isQuery { query.append(pair) } else { path.append(pair) }
        }
        return "pkcs11:" + path.joined(separator: ";") + (query.isEmpty ? "" : "?" + query.joined(separator: "&"))
    }

    /// The same as ``formatted``.
    public var description: String { formatted }
    /// Has no children, so that nothing shows the PIN.
    public var customMirror: Mirror { Mirror(self, children: []) }

    private func encoded(_ attribute: Name) -> String? {
        if attribute == .id { return id?.map(Self.escape).joined() }
        if let field = Self.byteFields.first(where: { $0.0 == attribute }) {
            return self[keyPath: field.1].map { Self.encode($0, inQuery: false) }
        }
        if let field = Self.textFields.first(where: { $0.0 == attribute }) {
            return self[keyPath: field.1].map { Self.encode(Array($0.utf8), inQuery: true) }
        }
        return switch attribute {
        case .type: type?.rawValue
        case .slotID: slotID.map { String($0) }
        case .libraryVersion: libraryVersion.map { "\($0.major).\($0.minor)" }
        default: nil
        }
    }

    private static func encode(_ bytes: [UInt8], inQuery: Bool) -> String {
        bytes.map { isPlain($0, inQuery: inQuery) ? String(UnicodeScalar($0)) : escape($0) }.joined()
    }

    /// `%` and two hexadecimal digits.
    static func escape(_ byte: UInt8) -> String {
        "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
    }

    /// Whether RFC 7512 §2.3 lets `byte` stand for itself: `pk11-pchar` and `pk11-qchar`.
    static func isPlain(_ byte: UInt8, inQuery: Bool) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default:
            "-._~:[]@!$'()*+,=".utf8.contains(byte) || (inQuery ? "/?|" : "&").utf8.contains(byte)
        }
    }
}

extension PKCS11URI {
    /// The URI of a token.
    package init(_ info: TokenInfo) {
        self.init()
        token = info.label.bytes
        manufacturer = info.manufacturer.bytes
        serial = info.serial.bytes
        model = info.model.bytes
    }

    /// The URI of an object in the token that this URI names.
    package func object(_ type: ObjectType, label: TokenText?, id: [UInt8]?) -> PKCS11URI {
        var uri = self
        uri.type = type
        uri.object = label?.bytes
        uri.id = id.flatMap { $0.isEmpty ? nil : $0 }
        return uri
    }
}

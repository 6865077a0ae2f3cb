import SecretMemory

extension PKCS11URI {
    /// Whether `text` is meant to be a PKCS#11 URI: whether it begins with `pkcs11:`, in upper or lower case.
    public static func isURI(_ text: some StringProtocol) -> Bool {
        text.utf8.count >= 7 && text.prefix(7).lowercased() == "pkcs11:"
    }

    /// Parses `text` by the rules of RFC 7512 §2.3, with no latitude: a URI that is not understood selects the wrong
    /// key, or none.
    ///
    /// - Throws: An error of kind `uriInvalid` that names the attribute and its offset in bytes; it never repeats a
    ///   value, which may be a PIN.
    package init(_ text: String) throws(PKCS11Error) {
        self.init()
        guard PKCS11URI.isURI(text) else {
            throw PKCS11Error(.uriInvalid, "the URI does not begin with pkcs11:")
        }
        let bytes = Array(text.utf8)
        let query = bytes.firstIndex(of: UInt8(ascii: "?")) ?? bytes.count
        var seen: Set<Name> = []
        try parse(bytes, in: 7..<query, separator: UInt8(ascii: ";"), isQuery: false, seen: &seen)
        if query < bytes.count {
            try parse(bytes, in: query + 1..<bytes.count, separator: UInt8(ascii: "&"), isQuery: true, seen: &seen)
        }
        if pinValue != nil, pinSource != nil {
            throw PKCS11Error(
                .uriInvalid, "the URI has both pin-value and pin-source", advice: "RFC 7512 §2.4 allows one of them")
        }
    }

    private mutating func parse(
        _ bytes: [UInt8], in range: Range<Int>, separator: UInt8, isQuery: Bool, seen: inout Set<Name>
    ) throws(PKCS11Error) {
        if range.isEmpty { return }
        for part in bytes[range].split(separator: separator, omittingEmptySubsequences: false) {
            let offset = part.startIndex
            guard let equals = part.firstIndex(of: UInt8(ascii: "=")) else {
                throw PKCS11Error(.uriInvalid, "the URI has something that is not name=value at offset \(offset)")
            }
            let name = part[..<equals]
            guard let attribute = Name(rawValue: String(decoding: name, as: UTF8.self)) else {
                let shown = TokenText(Array(name.prefix(40)))
                throw PKCS11Error(
                    .uriInvalid, "the URI has an unknown attribute '\(shown)' at offset \(offset)",
                    advice: "RFC 7512 §2.3 lists the attributes")
            }
            guard attribute.isQuery == isQuery else {
                throw attribute.error(
                    "belongs \(isQuery ? "before" : "behind") the question mark", at: offset)
            }
            guard seen.insert(attribute).inserted else { throw attribute.error("appears twice", at: offset) }
            try set(attribute, to: part[(equals + 1)...])
        }
    }

    private mutating func set(_ attribute: Name, to encoded: ArraySlice<UInt8>) throws(PKCS11Error) {
        let offset = encoded.startIndex
        if attribute == .pinValue {
            pinValue = try SecretBytes(capacity: encoded.count) { (memory) throws(PKCS11Error) -> Int in
                var count = 0
                try attribute.decode(encoded) { byte in
                    memory[count] = byte
                    count += 1
                }
                return count
            }
            return
        }
        var value: [UInt8] = []
        try attribute.decode(encoded) { value.append($0) }
        if let field = Self.byteFields.first(where: { $0.0 == attribute }) {
            self[keyPath: field.1] = value
            return
        }
        guard let text = String(validating: value, as: UTF8.self), !value.contains(0) else {
            throw attribute.error("is not text", at: offset)
        }
        if let field = Self.textFields.first(where: { $0.0 == attribute }) {
            self[keyPath: field.1] = text
            return
        }
        switch attribute {
        case .type:
            type = ObjectType(rawValue: text)
            if type == nil {
                throw attribute.error(
                    "is none of \(ObjectType.allCases.map(\.rawValue).joined(separator: ", "))", at: offset)
            }
        case .slotID:
            slotID = Self.digits(text)
            if slotID == nil { throw attribute.error("is not a decimal number", at: offset) }
        default:
            let numbers = text.split(separator: ".", omittingEmptySubsequences: false)
                .map { Self.digits(String($0)).flatMap { UInt8(exactly: $0) } }
            guard numbers.count <= 2, let major = numbers[0], let minor = numbers.count == 2 ? numbers[1] : 0 else {
                throw attribute.error("is not a version such as 2.40", at: offset)
            }
            libraryVersion = LibraryVersion(major: major, minor: minor)
        }
    }

    private static func digits(_ text: String) -> UInt? {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? UInt(text) : nil
    }
}

extension PKCS11URI.Name {
    fileprivate func error(_ problem: String, at offset: Int, advice: String? = nil) -> PKCS11Error {
        PKCS11Error(.uriInvalid, "the URI's attribute \(rawValue) \(problem), at offset \(offset)", advice: advice)
    }

    /// Undoes percent-encoding. A character that RFC 7512 wants encoded is an error: whoever wrote it plainly may have
    /// meant something else, such as the end of the URI.
    fileprivate func decode(_ encoded: ArraySlice<UInt8>, _ append: (UInt8) -> Void) throws(PKCS11Error) {
        var index = encoded.startIndex
        while index < encoded.endIndex {
            let byte = encoded[index]
            if byte == UInt8(ascii: "%") {
                guard index + 2 < encoded.endIndex, let high = Self.hex(encoded[index + 1]),
                    let low = Self.hex(encoded[index + 2])
                else {
                    throw error("has a percent sign without two hexadecimal digits", at: index)
                }
                append(high << 4 | low)
                index += 3
            } else {
                guard PKCS11URI.isPlain(byte, inQuery: isQuery) else {
                    throw error(
                        "has a character that must be percent-encoded", at: index,
                        advice: self == .pinValue ? nil : "write it as \(PKCS11URI.escape(byte))")
                }
                append(byte)
                index += 1
            }
        }
    }

    private static func hex(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

extension PKCS11URI {
    /// One attribute of a URI, decoded.
    package struct DecodedAttribute: Sendable, Hashable {
        /// The name as RFC 7512 has it.
        package let name: String
        /// The bytes, nil for a PIN: those are not shown.
        package let value: [UInt8]?
    }

    /// The attributes that the URI has, in the order in which ``formatted`` writes them.
    package var attributes: [DecodedAttribute] {
        Name.allCases.compactMap { name in
            if name == .pinValue { return pinValue.map { _ in DecodedAttribute(name: name.rawValue, value: nil) } }
            return bytes(of: name).map { DecodedAttribute(name: name.rawValue, value: $0) }
        }
    }

    private func bytes(of name: Name) -> [UInt8]? {
        if let field = Self.byteFields.first(where: { $0.0 == name }) { return self[keyPath: field.1] }
        if let field = Self.textFields.first(where: { $0.0 == name }) {
            return self[keyPath: field.1].map { Array($0.utf8) }
        }
        let text: String? =
            switch name {
            case .type: type?.rawValue
            case .slotID: slotID.map { String($0) }
            case .libraryVersion: libraryVersion.map { "\($0.major).\($0.minor)" }
            default: nil
            }
        return text.map { Array($0.utf8) }
    }

    /// The URI between quotation marks, fit to be pasted into a shell.
    package var shellQuoted: String {
        "'" + formatted.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "%27") + "'"
    }
}

/// The distinguished encoding rules of ASN.1 (X.690), as far as certificates are made here.
enum DER {
    /// Tag, length and contents.
    static func element(tag: UInt8, _ contents: [UInt8]) -> [UInt8] {
        guard contents.count >= 128 else { return [tag, UInt8(contents.count)] + contents }
        let length = withUnsafeBytes(of: UInt64(contents.count).bigEndian) { Array($0.drop { $0 == 0 }) }
        return [tag, 0x80 | UInt8(length.count)] + length + contents
    }
}

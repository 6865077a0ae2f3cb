/// Puts DER together.
enum TestDER {
    static func element(_ tag: UInt8, _ parts: [UInt8]...) -> [UInt8] {
        let contents = parts.flatMap(\.self)
        let count = withUnsafeBytes(of: UInt32(contents.count).bigEndian) { Array($0.drop { $0 == 0 }) }
        return [tag] + (contents.count < 128 ? [UInt8(contents.count)] : [0x80 | UInt8(count.count)] + count) + contents
    }

    static func integer(_ number: Int) -> [UInt8] {
        let bytes = withUnsafeBytes(of: number.bigEndian) { Array($0.drop { $0 == 0 }) }
        return element(2, (bytes.first ?? 0x80) < 0x80 ? [] : [0], bytes)
    }

    /// - Parameter encoded: The identifier as DER has it.
    static func oid(_ encoded: UInt8...) -> [UInt8] { element(6, encoded) }
}

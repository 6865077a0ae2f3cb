import CP11Kit
import SecretMemory

/// One entry of a template.
struct Attribute {
    enum Value {
        case plain([UInt8])
        case secret(SecretBytes)

        var count: Int {
            switch self {
            case .plain(let bytes): bytes.count
            case .secret(let secret): secret.count
            }
        }
    }

    let type: CK_ATTRIBUTE_TYPE
    let value: Value

    init(_ type: CK_ATTRIBUTE_TYPE, _ bytes: [UInt8]) {
        self.type = type
        value = .plain(bytes)
    }

    init(_ type: CK_ATTRIBUTE_TYPE, _ secret: SecretBytes) {
        self.type = type
        value = .secret(secret)
    }

    init(_ type: CK_ATTRIBUTE_TYPE, _ flag: Bool) { self.init(type, [flag ? 1 : 0]) }

    init(_ type: CK_ATTRIBUTE_TYPE, number: UInt) { self.init(type, withUnsafeBytes(of: number) { Array($0) }) }
}

extension [Attribute] {
    /// Lends the template in the form that PKCS#11 takes, and wipes it afterwards.
    func withTemplate<Result>(_ body: (UnsafeMutablePointer<CK_ATTRIBUTE>, UInt) -> Result) -> Result {
        let values = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Swift.max(1, reduce(0) { $0 + $1.value.count }), alignment: 8)
        defer {
            SecretBytes.wipe(values)
            values.deallocate()
        }
        let entries = UnsafeMutablePointer<CK_ATTRIBUTE>.allocate(capacity: Swift.max(1, count))
        defer { entries.deallocate() }
        var used = 0
        for (index, attribute) in enumerated() {
            let area = UnsafeMutableRawBufferPointer(rebasing: values[used..<used + attribute.value.count])
            switch attribute.value {
            case .plain(let bytes): area.copyBytes(from: bytes)
            case .secret(let secret): secret.withUnsafeBytes { area.copyMemory(from: $0) }
            }
            entries[index] = CK_ATTRIBUTE(
                type: attribute.type, pValue: values.baseAddress.map { $0 + used }, ulValueLen: UInt(area.count))
            used += area.count
        }
        return body(entries, UInt(count))
    }
}

extension SecretBytes {
    /// Lends the PIN in the form that PKCS#11 takes it: not const, and never written to.
    func withPIN<Result>(_ body: (UnsafeMutablePointer<UInt8>?, UInt) -> Result) -> Result {
        withUnsafeBytes { bytes in
            body(
                UnsafeMutableRawPointer(mutating: bytes.baseAddress)?.assumingMemoryBound(to: UInt8.self),
                UInt(bytes.count))
        }
    }
}

/// An IPv4 or IPv6 address, without a zone.
public struct IPAddress: Hashable, Sendable, CustomStringConvertible {
    /// Four or sixteen bytes in network order.
    public let bytes: [UInt8]

    /// Reads an address: four decimal numbers, or the forms of RFC 4291 §2.2 without brackets. Nil for anything else,
    /// a zone (`%eth0`) included.
    public init?(_ text: some StringProtocol) {
        let text = Substring(text)
        if text.utf8.contains(UInt8(ascii: ":")) {
            guard let address = IPv6Address(text) else { return nil }
            bytes = address.groups.flatMap { [UInt8(truncatingIfNeeded: $0 >> 8), UInt8(truncatingIfNeeded: $0)] }
            return
        }
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        let octets = parts.compactMap(Host.octet)
        guard parts.count == 4, octets.count == 4 else { return nil }
        bytes = octets.map { UInt8(truncatingIfNeeded: $0) }
    }

    /// The address of four or sixteen bytes in network order; nil for another count.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        self.bytes = Array(bytes)
    }

    /// Hashes all bytes at once.
    public func hash(into hasher: inout Hasher) { bytes.withUnsafeBytes { hasher.combine(bytes: $0) } }

    /// Whether it is one of IPv6.
    public var isIPv6: Bool { bytes.count == 16 }

    /// The address as people write it; of IPv6, by RFC 5952.
    public var description: String {
        guard isIPv6 else { return bytes.map { String($0) }.joined(separator: ".") }
        let groups = stride(from: 0, to: 16, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
        return IPv6Address(groups: groups).description
    }

    /// Whether its first bits are those of `network`. Addresses of different families share none.
    func isWithin(_ network: IPAddress, bits: Int) -> Bool {
        guard bytes.count == network.bytes.count, (0...bytes.count * 8).contains(bits) else { return false }
        let whole = bits / 8
        guard bytes[..<whole] == network.bytes[..<whole] else { return false }
        guard bits % 8 > 0 else { return true }
        return (bytes[whole] ^ network.bytes[whole]) >> (8 - bits % 8) == 0
    }

    /// An IPv4 address that is written as one of IPv6 (RFC 4291 §2.5.5.2), as itself; any other as it is.
    var unmapped: IPAddress {
        guard isIPv6, bytes[..<10].allSatisfy({ $0 == 0 }), bytes[10] == 0xFF, bytes[11] == 0xFF else { return self }
        return IPAddress(bytes: bytes[12...]) ?? self
    }
}

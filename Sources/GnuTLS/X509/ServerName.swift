#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// The name that a server is to prove: the reference identifier of RFC 9525 §6.1.
package enum ServerName: Sendable, Hashable {
    /// Lower-case ASCII, without a dot at the end.
    case dns(String)
    /// Four or sixteen bytes, in network order.
    case ip([UInt8])

    /// Reads a host as it stands in a URL, an IPv6 address with or without its brackets. `nil` for what can be neither
    /// a DNS name nor an address: a label that is empty or longer than 63 bytes, anything but letters, digits, hyphens
    /// and underscores (an internationalised name has to come as A-labels), a last label of digits only, a zone.
    package init?(_ host: String) {
        if host.utf8.first == UInt8(ascii: "[") {
            guard host.utf8.last == UInt8(ascii: "]"), let address = Self.address(String(host.dropFirst().dropLast())),
                address.count == 16
            else { return nil }
            self = .ip(address)
        } else if let address = Self.address(host) {
            self = .ip(address)
        } else {
            let name = host.utf8.last == UInt8(ascii: ".") ? String(host.dropLast()) : host
            guard let name = Self.dnsName(Array(name.utf8)) else { return nil }
            self = .dns(name)
        }
    }

    /// The address as people write it.
    package static func text(ofAddress bytes: [UInt8]) -> String? {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(bytes.count == 4 ? AF_INET : AF_INET6, bytes, &text, socklen_t(text.count)) != nil else {
            return nil
        }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func address(_ text: String) -> [UInt8]? {
        guard !text.utf8.contains(0) else { return nil }
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, text, &bytes) == 1 { return Array(bytes.prefix(4)) }
        if inet_pton(AF_INET6, text, &bytes) == 1 { return bytes }
        return nil
    }

    private static func dnsName(_ name: [UInt8]) -> String? {
        let labels = name.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard name.count <= 253, labels.allSatisfy({ (1...63).contains($0.count) && $0.allSatisfy(isLabelByte) }),
            let last = labels.last, !last.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        return String(decoding: name.map(lowercased), as: UTF8.self)
    }

    private static func isLabelByte(_ byte: UInt8) -> Bool {
        switch lowercased(byte) {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        case UInt8(ascii: "-"), UInt8(ascii: "_"): true
        default: false
        }
    }

    static func lowercased(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }
}

extension ServerName: CustomStringConvertible {
    package var description: String {
        switch self {
        case .dns(let name): name
        case .ip(let bytes): Self.text(ofAddress: bytes) ?? hexadecimal(bytes)
        }
    }
}

extension Certificate {
    /// Whether the certificate is for `name`, by the rules of RFC 9525 §6:
    /// 1. Only the subject alternative name counts, never the common name.
    /// 2. Addresses match addresses, byte for byte, and DNS names match DNS names, without regard to ASCII case.
    /// 3. A wildcard is the whole first label, stands for exactly one label, and has at least two labels after it.
    package func matches(_ name: ServerName) -> Bool {
        (alternativeNames ?? []).contains { presented in
            switch name {
            case .ip(let address): presented.kind == .ip && presented.bytes == address
            case .dns(let name): presented.kind == .dns && Self.matches(Array(name.utf8), presented: presented.bytes)
            }
        }
    }

    private static func matches(_ name: [UInt8], presented: [UInt8]) -> Bool {
        let presented = presented.map(ServerName.lowercased)
        guard presented.starts(with: Array("*.".utf8)) else { return presented == name }
        let dot = UInt8(ascii: ".")
        let parent = presented.dropFirst(2)
        guard parent.split(separator: dot, omittingEmptySubsequences: false).count >= 2,
            let firstDot = name.firstIndex(of: dot)
        else { return false }
        return name[(firstDot + 1)...] == parent
    }
}

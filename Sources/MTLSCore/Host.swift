/// The hosts of URLs: what RFC 3986 §3.2.2 allows, less what resolvers and certificates could read in two ways.
enum Host {
    /// The reason that a host is refused, as a clause: "the host is empty".
    struct Refusal: Error {
        let reason: String
        var advice: String?
    }

    /// Returns the one spelling of `text`: lower case, and IPv6 addresses (given without brackets) by RFC 5952.
    static func canonical(_ text: Substring, isBracketed: Bool) throws(Refusal) -> String {
        if isBracketed || text.utf8.contains(UInt8(ascii: ":")) {
            if text.utf8.contains(UInt8(ascii: "%")) {
                throw Refusal(reason: "an IPv6 address with a zone is not supported")
            }
            guard let address = IPv6Address(text) else { throw Refusal(reason: "its IPv6 address is malformed") }
            return address.description
        }
        return try registeredName(text)
    }

    private static func registeredName(_ text: Substring) throws(Refusal) -> String {
        if text.isEmpty { throw Refusal(reason: "it names no host") }
        guard text.utf8.allSatisfy({ $0 < 0x80 }) else {
            throw Refusal(reason: "its host is not ASCII", advice: "write the host in Punycode (xn--…)")
        }
        guard text.utf8.allSatisfy(isNameCharacter) else {
            throw Refusal(reason: "its host holds a character that host names do not have")
        }
        if text.utf8.last == UInt8(ascii: ".") {
            throw Refusal(reason: "its host ends in a dot", advice: "write the host without the last dot")
        }
        let labels = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard text.utf8.count <= 253, labels.allSatisfy({ (1...63).contains($0.count) }) else {
            throw Refusal(reason: "its host, or a part of it, is empty or too long")
        }
        // getaddrinfo reads 127.1, 0x7f.1 and 2130706433 as addresses that no certificate or host rule would name.
        if let last = labels.last, isNumber(last), !isDottedQuad(labels) {
            throw Refusal(reason: "its IPv4 address is malformed", advice: "write four decimal numbers")
        }
        return text.lowercased()
    }

    private static func isNameCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private static func isNumber(_ label: some Collection<UInt8>) -> Bool {
        label.allSatisfy(isDigit) || label.starts(with: "0x".utf8) || label.starts(with: "0X".utf8)
    }

    private static func isDottedQuad(_ labels: [some Collection<UInt8>]) -> Bool {
        labels.count == 4 && labels.allSatisfy { octet($0) != nil }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// The number that 1 to 3 digits without a leading zero spell, up to 255.
    static func octet(_ digits: some Collection<UInt8>) -> UInt16? {
        guard (1...3).contains(digits.count), digits.allSatisfy(isDigit) else { return nil }
        guard digits.count == 1 || digits.first != UInt8(ascii: "0") else { return nil }
        let value = digits.reduce(UInt16(0)) { $0 * 10 + UInt16($1 - UInt8(ascii: "0")) }
        return value <= 255 ? value : nil
    }
}

/// An IPv6 address, read by RFC 4291 §2.2 and written by RFC 5952.
struct IPv6Address: CustomStringConvertible {
    let groups: [UInt16]

    init(groups: [UInt16]) { self.groups = groups }

    init?(_ text: Substring) {
        let bytes = Array(text.utf8)
        let colon = UInt8(ascii: ":")
        let gaps = bytes.indices.dropLast().filter { bytes[$0] == colon && bytes[$0 + 1] == colon }
        guard let gap = gaps.first else {
            guard let groups = Self.groups(bytes[...]), groups.count == 8 else { return nil }
            self.groups = groups
            return
        }
        guard gaps.count == 1, let head = Self.groups(bytes[..<gap], mayEndInIPv4: false),
            let tail = Self.groups(bytes[(gap + 2)...]), head.count + tail.count <= 7
        else { return nil }
        groups = head + Array(repeating: 0, count: 8 - head.count - tail.count) + tail
    }

    private static func groups(_ bytes: ArraySlice<UInt8>, mayEndInIPv4: Bool = true) -> [UInt16]? {
        if bytes.isEmpty { return [] }
        let parts = bytes.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        var groups: [UInt16] = []
        for (index, part) in parts.enumerated() {
            if mayEndInIPv4, index == parts.count - 1, part.contains(UInt8(ascii: ".")) {
                let octets = part.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
                    .compactMap(Host.octet)
                guard octets.count == 4, part.count(where: { $0 == UInt8(ascii: ".") }) == 3 else { return nil }
                groups += [octets[0] << 8 | octets[1], octets[2] << 8 | octets[3]]
            } else {
                guard (1...4).contains(part.count), let value = hexadecimal(part) else { return nil }
                groups.append(value)
            }
        }
        return groups
    }

    private static func hexadecimal(_ digits: ArraySlice<UInt8>) -> UInt16? {
        var value: UInt16 = 0
        for digit in digits {
            guard let nibble = Character(Unicode.Scalar(digit)).hexDigitValue else { return nil }
            value = value << 4 | UInt16(nibble)
        }
        return value
    }

    var description: String {
        // RFC 5952 §4.2: the first of the longest runs of at least two zero groups becomes "::".
        var longest = 0..<0
        var start = 0
        for index in 0...groups.count where index == groups.count || groups[index] != 0 {
            if index - start > max(longest.count, 1) { longest = start..<index }
            start = index + 1
        }
        let text = { (part: ArraySlice<UInt16>) in part.map { String($0, radix: 16) }.joined(separator: ":") }
        if longest.isEmpty { return text(groups[...]) }
        return text(groups[..<longest.lowerBound]) + "::" + text(groups[longest.upperBound...])
    }
}

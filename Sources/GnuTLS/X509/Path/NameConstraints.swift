/// A GeneralName (RFC 5280 §4.2.1.6).
struct GeneralName: Sendable {
    enum Kind: UInt8 {
        case other = 0
        case email, dns, x400, directory, ediParty, uri, ip, registeredID
    }

    let kind: Kind
    /// For a directory name, the Name in DER.
    let bytes: ArraySlice<UInt8>

    init(_ element: DERElement, _ what: String) throws(MalformedDER) {
        guard element.tag & 0xC0 == 0x80, let kind = Kind(rawValue: element.tag & 0x1F) else {
            throw MalformedDER(what: what)
        }
        self.kind = kind
        if kind == .directory {
            var reader = element.reader(what)
            bytes = try reader.next(0x30).whole
            try reader.finish()
        } else {
            bytes = element.contents
        }
    }

    /// GeneralNames, of which there is one at least.
    static func list(_ value: ArraySlice<UInt8>, _ what: String) throws(MalformedDER) -> [GeneralName] {
        var reader = DERReader(value, what)
        var list = try reader.sequence()
        try reader.finish()
        var names: [GeneralName] = []
        repeat { names.append(try GeneralName(try list.next(), what)) } while !list.isAtEnd
        return names
    }

    /// For people.
    var text: String {
        switch kind {
        case .ip: ServerName.text(ofAddress: Array(bytes)) ?? hexadecimal(bytes)
        case .dns, .email, .uri: printable(bytes)
        default: hexadecimal(bytes.prefix(32))
        }
    }
}

/// The name constraints of an authority (RFC 5280 §4.2.1.10), for DNS names, addresses, mailboxes, URIs and directory
/// names. A name of another kind is refused where a constraint speaks of that kind.
struct NameConstraints: Sendable {
    private var permitted: [GeneralName] = []
    private var excluded: [GeneralName] = []

    init(_ value: ArraySlice<UInt8>) throws(MalformedDER) {
        let what = "the name constraints"
        var reader = DERReader(value, what)
        var fields = try reader.sequence()
        try reader.finish()
        guard !fields.isAtEnd else { throw fields.malformed }
        if let trees = try fields.optional(0xA0) { permitted = try Self.trees(trees.reader(what), what) }
        if let trees = try fields.optional(0xA1) { excluded = try Self.trees(trees.reader(what), what) }
        try fields.finish()
    }

    private static func trees(_ list: DERReader, _ what: String) throws(MalformedDER) -> [GeneralName] {
        var list = list
        var names: [GeneralName] = []
        repeat {
            var tree = try list.sequence()
            let base = try GeneralName(try tree.next(), what)
            // The minimum is zero and there is no maximum (RFC 5280 §4.2.1.10).
            try tree.finish()
            guard isSound(base) else { throw tree.malformed }
            names.append(base)
        } while !list.isAtEnd
        return names
    }

    private static func isSound(_ base: GeneralName) -> Bool {
        guard base.kind == .ip else { return true }
        let half = base.bytes.count / 2
        guard half == 4 || half == 16, base.bytes.count == 2 * half else { return false }
        // Ones, then zeros.
        var hasEnded = false
        for byte in base.bytes.dropFirst(half) {
            guard !hasEnded || byte == 0 else { return false }
            guard (~byte & (~byte &+ 1)) == 0 else { return false }
            hasEnded = byte != 0xFF
        }
        return true
    }

    /// The first name of a certificate that may not be below this authority.
    func violation(by profile: CertificateProfile) -> String? {
        var names = profile.names
        let subject = profile.certificate.rawSubject[...]
        var reader = DERReader(subject, "")
        if let name = try? reader.next(0x30), !name.contents.isEmpty {
            if let violation = violation(.directory, subject, profile.certificate.subject) { return violation }
            // Certificates that put their mailbox into the subject alone (RFC 5280 §4.2.1.10).
            if !names.contains(where: { $0.kind == .email }) {
                for address in DirectoryName.emailAddresses(name) {
                    if let violation = violation(.email, address, printable(address)) { return violation }
                }
            }
        }
        names.removeAll { violation($0.kind, $0.bytes, "") == nil }
        return names.first?.text
    }

    private func violation(_ kind: GeneralName.Kind, _ bytes: ArraySlice<UInt8>, _ text: String) -> String? {
        let name = NameInConstraint(kind: kind, bytes: bytes)
        if excluded.contains(where: { $0.kind == kind && name.mayBe(in: $0.bytes) }) { return text }
        let allowed = permitted.filter { $0.kind == kind }
        return allowed.isEmpty || allowed.contains { name.isSurely(in: $0.bytes) } ? nil : text
    }
}

/// One name held against the subtrees of an authority. What cannot be read lies in no permitted subtree and may lie in
/// every excluded one.
struct NameInConstraint {
    let kind: GeneralName.Kind
    let bytes: ArraySlice<UInt8>

    func isSurely(in tree: ArraySlice<UInt8>) -> Bool { holds(tree, wildcardCounts: false) ?? false }
    func mayBe(in tree: ArraySlice<UInt8>) -> Bool { holds(tree, wildcardCounts: true) ?? true }

    /// nil where the name cannot be read.
    private func holds(_ tree: ArraySlice<UInt8>, wildcardCounts: Bool) -> Bool? {
        switch kind {
        case .dns: Self.dns(Array(bytes), Array(tree), wildcardCounts)
        case .ip: Self.ip(bytes, tree)
        case .email: Self.email(Array(bytes), Array(tree))
        case .uri: Self.host(ofURI: bytes).map { Self.host($0, Array(tree)) }
        case .directory: DirectoryName.isPrefix(tree, of: bytes)
        case .other, .x400, .ediParty, .registeredID: nil
        }
    }

    /// `tree` stands for itself and what is below it; with a dot in front, for what is below alone; empty, for all.
    private static func dns(_ name: [UInt8], _ tree: [UInt8], _ wildcardCounts: Bool) -> Bool? {
        let dot = UInt8(ascii: ".")
        let name = name.map(ServerName.lowercased)
        let tree = tree.map(ServerName.lowercased)
        let isWildcard = name.starts(with: Array("*.".utf8))
        guard case .dns? = ServerName(String(decoding: isWildcard ? Array(name.dropFirst(2)) : name, as: UTF8.self)),
            name.last != dot
        else { return nil }
        if tree.isEmpty { return true }
        let suffix = tree.first == dot ? tree : [dot] + tree
        if name.count > suffix.count, name.suffix(suffix.count).elementsEqual(suffix) { return true }
        if tree.first != dot, name == tree { return true }
        // A name that the wildcard stands for may be the tree, or lie above it.
        guard isWildcard, wildcardCounts, let label = tree.firstIndex(of: dot), tree.first != dot else { return false }
        return tree[label...].elementsEqual(name.dropFirst())
    }

    private static func ip(_ address: ArraySlice<UInt8>, _ tree: ArraySlice<UInt8>) -> Bool? {
        guard address.count == 4 || address.count == 16 else { return nil }
        guard tree.count == 2 * address.count else { return false }
        let network = tree.prefix(address.count)
        return zip(zip(address, network), tree.suffix(address.count)).allSatisfy { ($0.0 ^ $0.1) & $1 == 0 }
    }

    private static func email(_ mailbox: [UInt8], _ tree: [UInt8]) -> Bool? {
        let at = UInt8(ascii: "@")
        guard let index = mailbox.lastIndex(of: at), index > 0, index < mailbox.count - 1 else { return nil }
        let host = Array(mailbox[(index + 1)...])
        if let treeIndex = tree.lastIndex(of: at) {
            return mailbox[..<index] == tree[..<treeIndex]
                && host.map(ServerName.lowercased) == tree[(treeIndex + 1)...].map(ServerName.lowercased)
        }
        return Self.host(host, tree)
    }

    /// Of mailboxes and URIs a tree without a dot in front is one host, and one with it what is below.
    private static func host(_ name: [UInt8], _ tree: [UInt8]) -> Bool {
        let name = name.map(ServerName.lowercased)
        let tree = tree.map(ServerName.lowercased)
        guard !tree.isEmpty else { return true }
        if tree.first == UInt8(ascii: ".") { return name.count > tree.count && name.suffix(tree.count) == tree[...] }
        return name == tree
    }

    /// The host of a URI with an authority, when that is a DNS name (RFC 5280 §4.2.1.10).
    private static func host(ofURI bytes: ArraySlice<UInt8>) -> [UInt8]? {
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        let rest = bytes[(colon + 1)...]
        guard rest.starts(with: Array("//".utf8)) else { return nil }
        var authority = rest.dropFirst(2).prefix { !"/?#".utf8.contains($0) }
        if let at = authority.lastIndex(of: UInt8(ascii: "@")) { authority = authority[(at + 1)...] }
        if let port = authority.lastIndex(of: UInt8(ascii: ":")) { authority = authority[..<port] }
        guard case .dns(let name)? = ServerName(String(decoding: authority, as: UTF8.self)) else { return nil }
        return Array(name.utf8)
    }
}

/// Distinguished names in DER.
enum DirectoryName {
    /// Whether `name` begins with all of the relative names of `tree`: compared byte for byte, as issuers are.
    static func isPrefix(_ tree: ArraySlice<UInt8>, of name: ArraySlice<UInt8>) -> Bool? {
        guard let tree = parts(tree), let name = parts(name) else { return nil }
        return name.count >= tree.count && zip(name, tree).allSatisfy { $0 == $1 }
    }

    private static func parts(_ name: ArraySlice<UInt8>) -> [ArraySlice<UInt8>]? {
        var outer = DERReader(name, "")
        guard var list = try? outer.sequence() else { return nil }
        var parts: [ArraySlice<UInt8>] = []
        while !list.isAtEnd {
            guard let part = try? list.next(0x31) else { return nil }
            parts.append(part.whole)
        }
        return parts
    }

    /// The values of the attribute emailAddress (PKCS#9).
    static func emailAddresses(_ name: DERElement) -> [ArraySlice<UInt8>] {
        var list = name.reader("")
        var addresses: [ArraySlice<UInt8>] = []
        while let part = try? list.next(0x31) {
            var attributes = part.reader("")
            while var attribute = try? attributes.sequence() {
                guard (try? attribute.objectIdentifier()) == "1.2.840.113549.1.9.1", let value = try? attribute.next()
                else { continue }
                addresses.append(value.contents)
            }
        }
        return addresses
    }
}
